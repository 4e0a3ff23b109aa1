"""fp16: what does not fit its numbers stays in fp32, and the answers are PyTorch's where every operator rounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch

from pytorch_answers import normalised, pytorch, random_clips, rounded_logits
from vidcls_export.exporter import export

TOLERANCE = 1e-2


def overflowing_mlp(model: Any) -> None:
    """Scale one MLP up on the inside and down on the way out: answers as usual, through numbers beyond fp16."""
    layer = model.videomae.encoder.layer[0]
    layer.intermediate.dense.weight[:] *= 1e5
    layer.intermediate.dense.bias[:] *= 1e5
    layer.output.dense.weight[:] *= 1e-5


def test_fp16_keeps_an_mlp_that_overflows_in_fp32(edit_weights: Any, clips: Path, tmp_path: Path) -> None:
    folder = edit_weights(overflowing_mlp)
    report = export(folder, tmp_path / "model.onnx", precision="fp16", check=clips)
    assert 0 < report.kept_in_fp32 < 15  # one MLP's operators of two
    assert report.contract.parity is not None
    assert report.contract.parity.top1_agreement == 1
    found = rounded_logits(report.path, random_clips(2))
    np.testing.assert_allclose(found, pytorch(folder, normalised(random_clips(2))), rtol=0, atol=TOLERANCE)
    proto = onnx.load(report.path)
    wide = {tensor.name for tensor in proto.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT}
    products = [node for node in proto.graph.node if node.op_type == "MatMul" and node.input[1] in wide]
    assert len(products) == 2


def test_fp16_keeps_a_weight_that_overflows_in_fp32(edit_weights: Any, tmp_path: Path) -> None:
    """Its input is so small that nothing computed with it is large."""

    def overflow(model: Any) -> None:
        layer = model.videomae.encoder.layer[0]
        layer.layernorm_after.weight[3] = 1e-6
        layer.layernorm_after.bias[3] = 0
        layer.intermediate.dense.weight[:, 3] = 1e5

    folder = edit_weights(overflow)
    report = export(folder, tmp_path / "model.onnx", precision="fp16")
    assert report.kept_in_fp32 > 0
    found = rounded_logits(report.path, random_clips(2))
    np.testing.assert_allclose(found, pytorch(folder, normalised(random_clips(2))), rtol=0, atol=TOLERANCE)


def test_fp16_keeps_an_attention_whose_scores_overflow_in_fp32(edit_weights: Any, tmp_path: Path) -> None:
    """What it reads and makes fits fp16; what its softmax gets lies within the one operator and does not."""

    def overflow(model: Any) -> None:
        attention = model.videomae.encoder.layer[0].attention.attention
        attention.query.weight[:] *= 300
        attention.key.weight[:] *= 300
        attention.value.weight[:] = 0  # so that the answer does not hang on which of two large scores is larger

    report = export(edit_weights(overflow), tmp_path / "model.onnx", precision="fp16")
    assert report.kept_in_fp32 == 1


def test_fp16_is_calibrated_on_the_clips(edit_weights: Any, tmp_path: Path) -> None:
    """What overflows on black pictures only, the self-test's clip does not show."""

    def dark(model: Any) -> None:
        projection = model.videomae.embeddings.patch_embeddings.projection
        projection.weight[0] = 0
        projection.weight[0, 0] = -1  # on black, 128 values of 0.485 / 0.229 each; 0 on what is as bright as the mean
        projection.bias[0] = 0
        projection.weight[0] *= 100

    folder = edit_weights(dark)
    black = tmp_path / "clips" / "black.avi"
    black.parent.mkdir()
    writer = cv2.VideoWriter(str(black), cv2.VideoWriter.fourcc(*"MJPG"), 25, (32, 32))
    for _ in range(20):
        writer.write(np.zeros((32, 32, 3), np.uint8))
    writer.release()
    assert export(folder, tmp_path / "blind.onnx", precision="fp16").kept_in_fp32 == 0
    assert export(folder, tmp_path / "model.onnx", precision="fp16", check=black.parent).kept_in_fp32 > 0


def test_fp16_whose_residual_stream_overflows_stays_in_fp32_where_it_must(edit_weights: Any, tmp_path: Path) -> None:
    def overflow(model: Any) -> None:
        # Every weight fits fp16 and the sum of the two layers does not; in fp32 the layer norm after them tames it.
        for layer in model.videomae.encoder.layer:
            layer.output.dense.bias[:] = torch.tensor([6e4, -5e4] * 24)

    folder = edit_weights(overflow)
    report = export(folder, tmp_path / "model.onnx", precision="fp16")
    assert report.kept_in_fp32 > 0
    found = rounded_logits(report.path, random_clips(2))
    np.testing.assert_allclose(found, pytorch(folder, normalised(random_clips(2))), rtol=0, atol=TOLERANCE)
