"""The matrices that onnxruntime quantized compared with those that they were made of, number by number.

What a graph answers says little of its weights where a model hardly reacts to a clip: a hybrid drawn at random gives
every clip the logits of its biases, to a thousandth, whatever its matrices hold.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from vidcls.errors import ModelError

# Of the step between two whole numbers: half of one is what rounding costs, and float32 divides with a rest.
_LARGEST_ERROR = 0.51
# What onnxruntime's quantization calls what it makes of a matrix.
_NUMBERS, _SCALES = "_quantized", "_scale"


def check_matrices(graph: onnx.GraphProto, made_of: onnx.GraphProto) -> None:
    """Check that each matrix of `graph` holds the numbers of that of `made_of`, to half a step.

    Args:
        graph: in which linear maps multiply by `{name}_quantized` int8 [in, out] times `{name}_scale` [out].
        made_of: the fp32 graph, its matrices called `name`.

    Raises:
        ModelError: one does not.
    """
    before, after = ({tensor.name: tensor for tensor in part.initializer} for part in (made_of, graph))
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.INT8 or not tensor.name.endswith(_NUMBERS):
            continue
        name = tensor.name.removesuffix(_NUMBERS)
        original, steps = (numpy_helper.to_array(found) for found in (before[name], after[f"{name}{_SCALES}"]))
        error = np.abs(original / steps - numpy_helper.to_array(tensor)).max()
        if not error <= _LARGEST_ERROR:  # written so that NaN fails
            raise ModelError(
                f"converted to int8, the weights '{name}' are off by up to {error:.2g} steps where rounding explains "
                "half of one; no file was written; export it with --precision fp32"
            )
