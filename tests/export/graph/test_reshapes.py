"""Reshapes: targets become constants, and the batch stays free."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from vidcls import ModelError
from vidcls_export.graph.reshapes import fix_reshapes


def test_reshape_with_the_batch_baked_in_is_refused() -> None:
    proto = reshaping([2, 12])
    with pytest.raises(ModelError, match="a reshape that does not keep the batch free"):
        fix_reshapes(proto)


def test_reshapes_keep_the_batch_free() -> None:
    proto = reshaping([-1, 12])
    fix_reshapes(proto)
    (node,) = proto.graph.node
    (target,) = proto.graph.initializer
    assert node.input[1] == target.name
    assert numpy_helper.to_array(target).tolist() == [-1, 12]


def reshaping(target: list[int]) -> onnx.ModelProto:
    """[batch, 3, 4] reshaped to `target`."""
    return helper.make_model(
        helper.make_graph(
            [helper.make_node("Reshape", ["pixels", "target"], ["logits"], name="Reshape")],
            "reshaping",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, 4])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 12])],
            [numpy_helper.from_array(np.array(target, np.int64), "target")],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
    )
