"""Weight matrices in int8, the same for both kinds of int8 graph: signed, 7 bits of range, a scale per output channel.

Why 7 bits: x86 processors without VNNI sum products of bytes in pairs in 16 bits, where 2 * 255 * 127 does not fit and
saturates silently. 2 * 255 * 64 fits, so every processor computes the same integers, at the price of one bit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LARGEST_WEIGHT = 64
# What a graph for onnxruntime calls the patch embedding's whole numbers and scales, after the name of its matrix.
PATCHES, PATCH_SCALES = "patches", "patch_scales"


def round_weights(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """A weight matrix [in, out] in int8: (whole numbers [in, out], a scale for each column [out])."""
    scales = column_scales(values)
    return np.rint(values / scales).astype(np.int8), scales


def patch_weights(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """The patch embedding [pixels x 3, width] in int8: (whole numbers of that shape, a scale for each column [width]).

    What the pixels of a patch have in common, its brightness and colour, is larger than all in which they differ. Were
    each weight rounded by itself, their sum would be off by several, and the product by as many times that level. So
    the weights rounded up are those that come nearest to it, and for each colour as many as their sum asks for.
    """
    scales = column_scales(values)
    values = values / scales
    whole = np.floor(values)
    for colour in range(3):  # side by side, see `RawPatches`
        rest = (values - whole)[colour::3]
        rank = np.argsort(np.argsort(-rest, axis=0, kind="stable"), axis=0)
        whole[colour::3] += rank < np.rint(rest.sum(axis=0))
    return whole.astype(np.int8), scales


def column_scales(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What each column of a weight matrix is divided by, so that it fits the whole numbers it is rounded to."""
    scales: npt.NDArray[np.float64] = np.maximum(np.abs(values).max(axis=0) / LARGEST_WEIGHT, np.finfo(np.float32).tiny)
    return scales
