"""Perceptual fingerprints of clips: what stays alike at other sizes, bit rates and codecs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vidcls.fingerprint import GREY, REDUCED, cosines
from vidcls.fingerprint import FrameSampler as FrameSampler  # noqa: PLC0414 - what is sampled is fingerprinted here

_THUMBNAIL = 16
_HASH = 8

# Grey levels: the standard deviation of a frame that shows less than this is black, white or fog, and its hash noise.
_FLAT = 4.0

HASH_BITS = _HASH * _HASH - 1

_COSINES = cosines(_HASH, REDUCED).astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Fingerprint:
    """Of one clip.

    hashes: float32 [n, 63], +-1, one row per sampled frame that is not flat (see `perceptual_hash`).
    thumbnails: uint8 grey [m, 16, 16], every sampled frame. mean_thumbnail: float32 RGB [16, 16, 3], 0 to 255.
    """

    hashes: npt.NDArray[np.float32]
    thumbnails: npt.NDArray[np.uint8]
    mean_thumbnail: npt.NDArray[np.float32]


def fingerprint(reduced: npt.NDArray[np.float32]) -> Fingerprint:
    """The fingerprint of sampled frames: float32 RGB [m, 32, 32, 3], 0 to 255.

    Example:
        >>> black = fingerprint(np.zeros((5, 32, 32, 3), np.float32))
        >>> black.hashes.shape, black.thumbnails.shape, black.mean_thumbnail.shape
        ((0, 63), (5, 16, 16), (16, 16, 3))
    """
    grey = reduced @ GREY
    detailed = grey.std(axis=(1, 2)) > _FLAT
    halves = (_THUMBNAIL, 2, _THUMBNAIL, 2)
    return Fingerprint(
        hashes=perceptual_hash(grey[detailed]),
        thumbnails=grey.reshape(len(grey), *halves).mean(axis=(2, 4)).round().astype(np.uint8),
        mean_thumbnail=reduced.mean(axis=0).reshape(*halves, 3).mean(axis=(1, 3)),
    )


def perceptual_hash(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Which of a frame's 63 lowest frequencies, the mean left out, lie above their median: [n, 32, 32] -> +-1 [n, 63].

    The DCT hash of Zauner, "Implementation and benchmarking of perceptual image hash functions" (2010). It outlives
    other sizes, bit rates and codecs, since these change fine detail first.

    Example:
        >>> noise = np.random.default_rng(0).random((1, 32, 32), np.float32)
        >>> np.array_equal(perceptual_hash(noise), perceptual_hash(100 + 3 * noise))  # brighter, more contrast
        True
    """
    frequencies = (_COSINES @ grey @ _COSINES.T).reshape(len(grey), _HASH * _HASH)[:, 1:]
    above = frequencies > np.median(frequencies, axis=1, keepdims=True)
    return np.where(above, np.float32(1), np.float32(-1))
