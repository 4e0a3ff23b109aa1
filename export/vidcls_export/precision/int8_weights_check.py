"""The matrices of an int8 graph for onnxruntime compared with those that they were made of, number by number.

What a graph answers says little of its weights where a model hardly reacts to a clip: a hybrid drawn at random gives
every clip the logits of its biases, to a thousandth, whatever its matrices hold.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from vidcls.errors import ModelError
from vidcls_export.graph.pixels import SCALE
from vidcls_export.precision.int8_weights import PATCH_SCALES, PATCHES

# Of the step between two whole numbers: half of one is what rounding costs, and float32 divides with a rest. Those of
# the patch embedding are the next above or below, see `patch_weights`.
_LARGEST_ERROR, _LARGEST_PATCH_ERROR = 0.51, 1.01
# What onnxruntime's quantization calls what it makes of a matrix.
_NUMBERS, _SCALES = "quantized", "scale"


def check_matrices(graph: onnx.GraphProto, made_of: Mapping[str, TensorProto]) -> None:
    """Check that each matrix of `graph` holds the numbers of that it was made of, to what rounding costs.

    Args:
        graph: in which linear maps multiply by whole numbers int8 [in, out], and then by a scale for each column [out];
            both are called after the matrix, as onnxruntime's quantization and `to_int8_dynamic` do.
        made_of: {name: matrix} of the fp32 graph.

    Raises:
        ModelError: one does not, or is called after none.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.INT8 or len(tensor.dims) != 2:
            continue
        name, _, kind = tensor.name.rpartition("_")
        if name not in made_of or kind not in (_NUMBERS, PATCHES):
            raise ModelError(
                f"converted to int8, the weights '{tensor.name}' are of none that the model has; this version of "
                "onnxruntime quantizes in a way that vidcls-export does not know; no file was written"
            )
        if kind == PATCHES:
            steps, allowed = _values(constants[f"{name}_{PATCH_SCALES}"]) * SCALE, _LARGEST_PATCH_ERROR
        else:
            steps, allowed = _values(constants[f"{name}_{_SCALES}"]), _LARGEST_ERROR
        error = np.abs(_values(made_of[name]) / steps - _values(tensor)).max()
        if not error <= allowed:  # written so that NaN fails
            raise ModelError(
                f"converted to int8, the weights '{name}' are off by up to {error:.2g} steps where rounding explains "
                f"{allowed:.1f} of one; no file was written; export it with --precision fp32"
            )


def _values(tensor: TensorProto) -> npt.NDArray[np.float64]:
    return numpy_helper.to_array(tensor).astype(np.float64)
