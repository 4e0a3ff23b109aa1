"""Calibration: what is measured, and what memory that takes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from vidcls_export.precision.attention_scores import magnitude_nodes
from vidcls_export.precision.calibration import observe

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
STEPS, SIDE = 40, 1024


def chain() -> onnx.ModelProto:
    """uint8 frames, twice as large at each of `STEPS` steps, which make a tensor of 12 MiB each."""
    names = ["frames", *(f"step_{step}" for step in range(STEPS))]
    nodes = [helper.make_node("Cast", names[:1], names[1:2], to=TensorProto.FLOAT)]
    nodes += [helper.make_node("Add", [one, one], [other]) for one, other in pairwise(names[1:])]
    frames = helper.make_tensor_value_info("frames", TensorProto.UINT8, [1, 1, SIDE, SIDE, 3])
    last = helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "chain", [frames], [last])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def megabytes(field: str) -> float:
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


@pytest.mark.skipif(not RESET.exists(), reason="only Linux says how much memory was needed at most")
def test_a_tensor_is_measured_as_soon_as_it_is_made(tmp_path: Path) -> None:
    """Not once all are: a model of many layers would have to fit into memory with every tensor of every layer."""
    proto = chain()
    before = proto.SerializeToString()
    tensors = [node.output[0] for node in proto.graph.node]
    nodes = [node for tensor in tensors for node in magnitude_nodes(tensor, f"{tensor}_magnitude")]
    outputs = [f"{tensor}_magnitude" for tensor in tensors]
    clip = np.ones((1, 1, SIDE, SIDE, 3), np.uint8)
    observed = observe(proto, [clip, 3 * clip], nodes=nodes, outputs=outputs, scratch=tmp_path)
    assert proto.SerializeToString() == before
    RESET.write_text("5")
    at_first = megabytes("VmRSS")
    for factor, found in zip((1, 3), observed, strict=True):
        assert found == {output: factor * 2.0**step for step, output in enumerate(outputs)}
    assert megabytes("VmHWM") - at_first < STEPS * 12 / 4
