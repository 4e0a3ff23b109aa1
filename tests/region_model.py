"""A model whose answer provably hangs on one block of one frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from generated import MEAN, STD, contract_fields, write_graph

LABELS = ("bright", "dark")
# Frame, rows and columns whose light the model adds up.
REGION = (slice(2, 3), slice(4, 12), slice(4, 12))
# log-odds of "bright" = 2 SHARPNESS (mean light of the region - MIDDLE), light being 0 to 1.
SHARPNESS = 5.0
MIDDLE = 0.6


def write_region_model(
    path: Path, *, dtype: str = "float32", sharpness: float = SHARPNESS, decision: dict[str, Any] | None = None
) -> Path:
    """An ONNX model of 4 frames of 32 x 32: the logits are `sharpness` (light - MIDDLE), and minus that.

    light is the mean over `REGION` and all channels, 0 to 1. decision: fields of the contract's section to replace.
    """

    from onnx import TensorProto, helper, numpy_helper

    fields = contract_fields(labels=LABELS, dtype=dtype)
    fields["decision"] |= decision or {}
    fields["self_test"]["logits"] = [0.0, 0.0]
    weights = np.zeros((4, 3, 32, 32), np.float32)
    region = np.s_[REGION[0], :, REGION[1], REGION[2]]
    weights[region] = 1 / weights[region].size
    node = helper.make_node
    constants = {
        "std": np.array(STD, np.float32).reshape(3, 1, 1),
        "mean": np.array(MEAN, np.float32).reshape(3, 1, 1),
        "full": np.float32(255),
        "weights": weights.reshape(-1, 1),
        "middle": np.float32(MIDDLE),
        "ways": np.array([[sharpness, -sharpness]], np.float32),
    }
    shape: list[str | int | None]
    if dtype == "float32":
        element, shape = TensorProto.FLOAT, ["batch", 4, 3, 32, 32]
        nodes = [node("Mul", ["pixel_values", "std"], ["scaled"]), node("Add", ["scaled", "mean"], ["light"])]
    else:
        element, shape = TensorProto.UINT8, ["batch", 4, 32, 32, 3]
        nodes = [
            node("Cast", ["pixel_values"], ["values"], to=TensorProto.FLOAT),
            node("Div", ["values", "full"], ["shares"]),
            node("Transpose", ["shares"], ["light"], perm=[0, 1, 4, 2, 3]),
        ]
    nodes += [
        node("Flatten", ["light"], ["flat"]),
        node("MatMul", ["flat", "weights"], ["region"]),
        node("Sub", ["region", "middle"], ["above"]),
        node("MatMul", ["above", "ways"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "region",
        [helper.make_tensor_value_info("pixel_values", element, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return write_graph(path, graph, fields)
