"""The graph itself: which operators it is made of, and what is refused rather than exported wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

from vidcls import ModelError
from vidcls.contract import Image
from vidcls.preprocessing import normalise
from vidcls_export.graph.trace import count_operators, trace

LAYERS = 2
# Statistics that differ by channel, so that a colour out of place would show.
IMAGE = Image(
    resize="stretch",
    resize_size=16,
    crop_size=16,
    interpolation="bilinear",
    antialias=True,
    channels="rgb",
    mean=(0.5, 0.4, 0.3),
    std=(0.2, 0.3, 0.25),
)


def domains(report: Any) -> set[str]:
    return {node.domain for node in onnx.load(report.path).graph.node}


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_attention_is_one_operator_per_layer(exports: dict[Any, Any], precision: str) -> None:
    report = exports[precision, "onnxruntime"]
    assert report.ops["MultiHeadAttention"] == LAYERS
    assert "Softmax" not in report.ops
    assert domains(report) == {"", "com.microsoft"}
    assert report.ops == count_operators(onnx.load(report.path))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
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
    assert_same_answers(model, trace(model, IMAGE, graph="onnxruntime", scratch=tmp_path), tmp_path)
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("shape", [{"num_frames": 5}, {"image_size": 21}, {"tubelet_size": 1}])
def test_frames_and_pixels_that_fill_no_patch_are_left_out_as_by_the_model(
    tmp_path: Path, shape: dict[str, int]
) -> None:
    model = random_model(**shape)
    assert_same_answers(model, trace(model, IMAGE, graph="portable", scratch=tmp_path), tmp_path)


def test_pixels_go_from_bytes_into_one_product(exports: dict[Any, Any]) -> None:
    """Normalisation is in the patch embedding's weights: no operator of its own, and no convolution."""
    products = {
        ("int8", "onnxruntime"): ["MatMulInteger"],
        ("int8", "portable"): ["DequantizeLinear", "MatMul"],  # a zero point and a scale are all there is to it
    }
    for kind, report in exports.items():
        graph = onnx.load(report.path).graph
        assert graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
        assert "Conv" not in report.ops
        steps: list[str] = []
        tensor = graph.input[0].name
        while not steps or not steps[-1].startswith("MatMul"):
            (node,) = (node for node in graph.node if tensor in node.input)
            steps.append(node.op_type)
            tensor = node.output[0]
        product = products.get(kind, ["Cast", "Sub", "Mul", "MatMul"])
        assert steps == ["Reshape", "Transpose", "Reshape", *product]


@pytest.mark.parametrize("graph", ["onnxruntime", "portable"])
def test_unexpected_operators_are_refused(tmp_path: Path, graph: Any) -> None:
    model = random_model()
    model.config.num_hidden_layers = 3  # a layer whose attention went missing
    with pytest.raises(ModelError, match=r"holds .*2 .*expected .*3 .*for 3 attentions"):
        trace(model, IMAGE, graph=graph, scratch=tmp_path)
    assert list(tmp_path.iterdir()) == []


def assert_same_answers(model: Any, proto: onnx.ModelProto, folder: Path) -> None:
    """Compare a traced graph with PyTorch on random frames, two at once."""
    import onnxruntime

    size, frames = model.config.image_size, model.config.num_frames
    clips = np.random.default_rng(0).integers(0, 256, (2, frames, size, size, 3), np.uint8)
    onnx.save(proto, folder / "model.onnx")
    (found,) = onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"pixel_values": clips})
    with torch.inference_mode():
        expected = model(torch.from_numpy(normalise(clips, IMAGE))).logits.numpy()
    assert np.ptp(expected) > 0.5, "logits this close together would prove nothing"
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def random_model(**settings: Any) -> Any:
    small = {"hidden_size": 24, "num_attention_heads": 2, "intermediate_size": 24, "num_hidden_layers": LAYERS}
    shape = {"image_size": 16, "patch_size": 8, "num_frames": 2, "initializer_range": 0.2}
    config = VideoMAEConfig(**{**small, **shape, **settings}, attn_implementation="sdpa")
    torch.manual_seed(0)
    return VideoMAEForVideoClassification(config).eval()
