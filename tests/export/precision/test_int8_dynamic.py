"""int8 for CPUs: which products multiply bytes, and with which weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

LAYERS = 2


def test_int8_multiplies_every_linear_map_but_the_classifier_in_bytes(exports: dict[Any, Any]) -> None:
    proto = onnx.load(exports["int8", "onnxruntime"].path)
    ops = exports["int8", "onnxruntime"].ops
    assert ops["MatMulInteger"] == 6 * LAYERS + 1  # query, key, value, out, two of the MLP; and the patches
    left = [node for node in proto.graph.node if node.op_type in ("MatMul", "Gemm")]
    assert len(left) == 1  # the classifier
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    weights = [tensors[node.input[1]] for node in proto.graph.node if node.op_type == "MatMulInteger"]
    assert {weight.dtype for weight in weights} == {np.dtype(np.int8)}
    # 2 * 255 * 64 fits the 16 bits in which processors without VNNI add pairs of products; 2 * 255 * 65 does not.
    assert max(np.abs(weight.astype(int)).max() for weight in weights) == 64
    assert all((np.abs(weight.astype(int)).max(axis=0) == 64).all() for weight in weights), "a scale per channel"
