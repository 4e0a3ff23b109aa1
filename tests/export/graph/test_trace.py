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
from vidcls.contract import Image
from vidcls.preprocessing import normalise
from vidcls_export.graph.reshapes import fix_reshapes
from vidcls_export.graph.trace import count_operators, trace
from vidcls_export.precision.convert import check_weights, largest_difference, self_test_tolerance

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


@pytest.mark.parametrize("graph", ["onnxruntime", "portable"])
def test_unexpected_operators_are_refused(tmp_path: Path, graph: Any) -> None:
    model = random_model()
    model.config.num_hidden_layers = 3  # a layer whose attention went missing
    with pytest.raises(ModelError, match=r"holds .*2 .*expected .*3 .*for 3 attentions"):
        trace(model, IMAGE, graph=graph, scratch=tmp_path)
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
    logits = [0.05, largest]
    assert self_test_tolerance(logits, precision="fp32", difference=0.0) == pytest.approx(allowed)
    assert self_test_tolerance(logits, precision="fp16", difference=0.0) == pytest.approx(20 * allowed)
    assert largest_difference(logits, precision="int8") == pytest.approx(500 * allowed)


def test_tolerance_of_int8_is_twice_what_it_was_off_when_made() -> None:
    assert self_test_tolerance([1.0, 2.0], precision="int8", difference=0.07) == pytest.approx(0.14)
    assert self_test_tolerance([1.0, 2.0], precision="int8", difference=0.001) == pytest.approx(2e-2)  # fp16's


def assert_same_answers(model: Any, proto: onnx.ModelProto, folder: Path) -> None:
    """Hold a traced graph against PyTorch on random frames, two at once."""
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
