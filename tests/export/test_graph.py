"""The graph itself: which operators it is made of, and what is refused rather than exported wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

from vidcls import ModelError
from vidcls_export.graph import count_operators, trace
from vidcls_export.precision import check_weights, self_test_tolerance
from vidcls_export.reshapes import fix_reshapes

LAYERS = 2


def domains(report: Any) -> set[str]:
    return {node.domain for node in onnx.load(report.path).graph.node}


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_attention_is_one_operator_per_layer(exports: dict[Any, Any], precision: str) -> None:
    report = exports[precision, "onnxruntime"]
    assert report.ops["MultiHeadAttention"] == LAYERS
    assert "Softmax" not in report.ops
    assert domains(report) == {"", "com.microsoft"}
    assert report.ops == count_operators(onnx.load(report.path))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_portable_graph_is_standard_onnx(exports: dict[Any, Any], precision: str) -> None:
    report = exports[precision, "portable"]
    assert report.ops["Softmax"] == LAYERS
    assert domains(report) == {""}
    assert [opset.domain for opset in onnx.load(report.path).opset_import] == [""]


@pytest.mark.parametrize("graph", ["onnxruntime", "portable"])
def test_no_arithmetic_on_shapes_is_left(exports: dict[Any, Any], graph: str) -> None:
    assert not {"Shape", "Gather", "Concat", "Unsqueeze", "Slice"} & set(exports["fp32", graph].ops)


def test_fused_attention_of_heads_of_any_size(tmp_path: Path) -> None:
    """What the operator is told of heads and scale is the model's, not a default that happens to fit."""
    model = random_model(hidden_size=40, num_attention_heads=5)
    clips = torch.randn(2, 2, 3, 16, 16)
    onnx.save(trace(model, graph="onnxruntime", scratch=tmp_path), tmp_path / "model.onnx")
    import onnxruntime

    (found,) = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"pixel_values": clips.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(found, model(clips).logits.numpy(), rtol=0, atol=1e-5)
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("graph", ["onnxruntime", "portable"])
def test_unexpected_operators_are_refused(tmp_path: Path, graph: Any) -> None:
    model = random_model()
    model.config.num_hidden_layers = 3  # a layer whose attention went missing
    with pytest.raises(ModelError, match=r"holds .*2 .*expected .*3 .*for 3 layers"):
        trace(model, graph=graph, scratch=tmp_path)
    assert list(tmp_path.iterdir()) == []


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


def test_weight_beyond_fp16_is_refused() -> None:
    model = random_model()
    check_weights(model, precision="fp16")
    with torch.no_grad():
        model.videomae.encoder.layer[1].output.dense.bias[3] = -65520
    check_weights(model, precision="fp32")
    with pytest.raises(ModelError, match=r"layer\.1\.output\.dense\.bias holds 65520, beyond fp16's largest"):
        check_weights(model, precision="fp16")


@pytest.mark.parametrize(
    ("hidden_size", "precision", "mend"),
    [(1280, "fp32", "--precision fp16"), (2560, "fp32", "a smaller model"), (2560, "fp16", "a smaller model")],
)
def test_weights_beyond_one_file_are_refused(hidden_size: int, precision: Any, mend: str) -> None:
    with torch.device("meta"):  # shapes without numbers
        model = random_model(
            hidden_size=hidden_size, num_attention_heads=16, intermediate_size=4 * hidden_size, num_hidden_layers=32
        )
    with pytest.raises(ModelError, match=f"exceed the 2 GiB of one ONNX file; .*{mend}"):
        check_weights(model, precision=precision)


@pytest.mark.parametrize(("largest", "allowed"), [(0.1, 1e-3), (4.0, 1e-3), (-12.0, 3e-3)])
def test_tolerance_grows_with_large_logits(largest: float, allowed: float) -> None:
    assert self_test_tolerance([0.05, largest], precision="fp32") == pytest.approx(allowed)
    assert self_test_tolerance([0.05, largest], precision="fp16") == pytest.approx(20 * allowed)


def random_model(**settings: Any) -> Any:
    small = {"hidden_size": 24, "num_attention_heads": 2, "intermediate_size": 24, "num_hidden_layers": LAYERS}
    shape = {"image_size": 16, "patch_size": 8, "num_frames": 2, "initializer_range": 0.2}
    config = VideoMAEConfig(**{**small, **shape, **settings}, attn_implementation="sdpa")
    return VideoMAEForVideoClassification(config).eval()


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
