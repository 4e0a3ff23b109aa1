"""What every precision has in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest

from generated import write_checkpoint
from vidcls_export.checkpoint.opening import open_checkpoint
from vidcls_export.graph.trace import trace
from vidcls_export.precision.convert import convert
from vidcls_export.reference import self_test_clip


@pytest.mark.parametrize("graph", ["onnxruntime", "portable"])
def test_sizes_are_those_of_the_precision(tmp_path: Path, graph: Any) -> None:
    """A model large enough that its weights, not the names in its graph, are most of the file."""
    model, contract = open_checkpoint(write_checkpoint(tmp_path / "wide", width=192), clip_seconds=None)
    traced = trace(model, contract.image, graph=graph, scratch=tmp_path).SerializeToString()
    kinds: list[Any] = ["fp32", "fp16", "int8"]
    clips = [self_test_clip(contract)]
    sizes = {
        precision: convert(
            onnx.ModelProto.FromString(traced), precision=precision, graph=graph, clips=clips, scratch=tmp_path
        ).proto.ByteSize()
        for precision in kinds
    }
    assert sizes["fp16"] / sizes["fp32"] <= 0.51
    assert sizes["int8"] / sizes["fp32"] <= 0.30
