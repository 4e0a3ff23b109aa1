"""int8 in standard ONNX: what is in bytes, on which ranges, and with a channel much larger than the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from onnx import numpy_helper
from transformers import VideoMAEForVideoClassification

from vidcls import ModelError, VideoClassifier
from vidcls.clips import read_clips
from vidcls_export.cli import main
from vidcls_export.exporter import export
from vidcls_export.precision import smoothquant
from vidcls_export.reference import self_test_clip

LAYERS = 2

# The same integers in another order, and what lies between them in float32; a value that this puts on the other side
# of a rounding step moves a logit by about one step of an activation.
ENGINES_APART = 0.05

# Relative: PyTorch and the graph sum float32 products in orders of their own.
SUM_ORDER = 1e-4


@pytest.fixture(scope="module")
def graph(exports: dict[Any, Any]) -> onnx.GraphProto:
    return onnx.load(exports["int8", "portable"].path).graph


@pytest.fixture
def tensors(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def makers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    return {output: node for node in graph.node for output in node.output}


def test_both_sides_of_every_linear_map_are_bytes(graph: onnx.GraphProto, tensors: dict[str, np.ndarray]) -> None:
    made_by, weights = makers(graph), []
    for product in [node for node in graph.node if node.op_type == "MatMul"]:
        sides = [made_by.get(name) for name in product.input]
        if any(side is None or side.op_type != "DequantizeLinear" for side in sides):
            continue
        activation, weight = sides
        assert activation is not None
        assert weight is not None
        assert tensors[activation.input[2]].dtype == np.uint8
        weights.append(tensors[weight.input[0]])
        assert tensors[weight.input[1]].shape == (weights[-1].shape[1],), "a scale per channel"
    assert len(weights) == 6 * LAYERS + 1  # query, key, value, out, two of the MLP; and the patches
    assert {weight.dtype for weight in weights} == {np.dtype(np.int8)}
    # 2 * 255 * 64 fits the 16 bits in which processors without VNNI add pairs of products; 2 * 255 * 65 does not.
    assert all((np.abs(weight.astype(int)).max(axis=0) == 64).all() for weight in weights)
    left = [node for node in graph.node if node.op_type in ("MatMul", "Gemm")]
    assert len(left) == len(weights) + 2 * LAYERS + 1  # attention's two, and the classifier


def test_query_key_and_value_share_one_quantized_input(graph: onnx.GraphProto) -> None:
    assert sum(node.op_type == "QuantizeLinear" for node in graph.node) == 4 * LAYERS


def test_ranges_are_those_of_pytorch_on_the_clips(
    checkpoint: Path,
    exports: dict[Any, Any],
    clips: Path,
    graph: onnx.GraphProto,
    tensors: dict[str, np.ndarray],
) -> None:
    """Of what GELU makes, which no smoothing changes: the scale is the range over all clips, in 255 steps."""
    model = VideoMAEForVideoClassification.from_pretrained(checkpoint).eval()
    ends = [0.0]  # which stays exact

    def note(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
        ends.extend([float(output.min()), float(output.max())])

    model.videomae.encoder.layer[-1].intermediate.register_forward_hook(note)
    contract = exports["int8", "portable"].contract
    calibrated_on = [read_clips(clip, contract).frames for clip in sorted(clips.rglob("*.mp4"))]
    for frames in [*calibrated_on, self_test_clip(contract)]:
        pixels = ((frames / 255 - contract.image.mean) / contract.image.std).transpose(0, 1, 4, 2, 3)
        with torch.inference_mode():
            model(torch.from_numpy(pixels.astype(np.float32)))
    *_, last = (node for node in graph.node if node.op_type == "QuantizeLinear")
    assert tensors[last.input[1]] == pytest.approx((max(ends) - min(ends)) / 255, rel=SUM_ORDER)
    assert tensors[last.input[2]] == round(-min(ends) / (max(ends) - min(ends)) * 255)


def test_a_channel_that_towers_above_the_others_leaves_them_their_levels(
    edit_weights: Callable[..., Path], clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such channels, which trained transformers have, would leave the others two or three levels of the range."""

    def tower(model: Any) -> None:
        for layer in model.videomae.encoder.layer:
            for norm, readers in (
                (layer.layernorm_before, [layer.attention.attention.query, layer.attention.attention.key]),
                (layer.layernorm_after, [layer.intermediate.dense]),
            ):
                norm.weight[3] *= 100
                for reader in [*readers, *([layer.attention.attention.value] if len(readers) > 1 else [])]:
                    reader.weight[:, 3] /= 100

    folder = edit_weights(tower)
    options: dict[str, Any] = {"precision": "int8", "graph": "portable", "check": clips, "min_agreement": 0}
    export(folder, tmp_path / "smoothed.onnx", **options)
    monkeypatch.setattr(smoothquant, "_norm_for", lambda *_: None)
    with pytest.raises(ModelError, match="computed in int8, the model's logits differ from PyTorch's by"):
        export(folder, tmp_path / "rough.onnx", **options)


def test_openvino_multiplies_the_bytes_and_answers_alike(exports: dict[Any, Any]) -> None:
    openvino = pytest.importorskip("openvino", reason='needs pip install "vidcls[openvino]"')
    path = exports["int8", "portable"].path
    model = openvino.Core().read_model(path)
    model.reshape([1, 4, 32, 32, 3])
    compiled = openvino.Core().compile_model(model, "CPU")
    nodes = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    kinds = [node["runtimePrecision"] for node in nodes if node["layerType"] == "FullyConnected"]
    assert sum(kind in ("u8", "i8") for kind in kinds) == 6 * LAYERS + 1

    frames = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    answers = [
        VideoClassifier(path, engine=engine).predict_frames(frames).logits for engine in ("openvino", "onnxruntime")
    ]
    np.testing.assert_allclose(answers[0], answers[1], rtol=0, atol=ENGINES_APART)
    assert VideoClassifier(path, engine="openvino").verify().ok


def test_without_clips_it_is_refused_with_what_to_do(checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.onnx"
    result = CliRunner().invoke(
        main, [str(checkpoint), "-o", str(output), "--precision", "int8", "--graph", "portable"]
    )
    assert result.exit_code == 2
    assert "name a folder of them to check on (--check DATA_DIR), or take the graph 'onnxruntime'" in result.output
    assert list(tmp_path.iterdir()) == []
