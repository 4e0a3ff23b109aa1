"""int8 files whose weights are not the model's are refused without clips to check on, however small logits are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import random_models
from vidcls.errors import ModelError
from vidcls_export.exporter import export
from vidcls_export.precision import convert
from vidcls_export.precision.int8_dynamic import to_int8_dynamic

MATRIX = 100  # numbers; what is quantized and holds fewer is no matrix


def shuffled(quantize: Callable[..., onnx.ModelProto]) -> Callable[..., onnx.ModelProto]:
    """The conversion, after which each matrix holds its numbers in another order."""

    def convert_and_shuffle(*arguments: Any, **options: Any) -> onnx.ModelProto:
        proto = quantize(*arguments, **options)
        random = np.random.default_rng(0)
        matrices = [each for each in proto.graph.initializer if each.data_type == onnx.TensorProto.INT8]
        for tensor in matrices:
            values = numpy_helper.to_array(tensor).copy()
            if values.size > MATRIX:
                random.shuffle(values.reshape(-1))
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        return proto

    return convert_and_shuffle


@pytest.mark.parametrize(("scale", "reach"), [(0.05, (0.1, 0.9)), (0.2, (1.0, 4.0))])
def test_shuffled_weights_are_refused_at_every_size_of_logits(
    scale: float, reach: tuple[float, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(random_models.SHAPE, "initializer_range", scale)
    torch.manual_seed(0)
    for part in random_models.videomae():
        part.save_pretrained(tmp_path / "model")
    sound = export(tmp_path / "model", tmp_path / "sound.onnx", precision="int8")
    assert sound.verification.ok, sound.verification.problem
    assert reach[0] < np.abs(sound.contract.self_test.logits).max() < reach[1]
    monkeypatch.setattr(convert, "to_int8_dynamic", shuffled(to_int8_dynamic))
    monkeypatch.setattr(convert, "check_matrices", lambda *_: None)  # logits alone
    with pytest.raises(ModelError, match="computed in int8, the model's logits differ from PyTorch's by"):
        export(tmp_path / "model", tmp_path / "damaged.onnx", precision="int8")
    assert not (tmp_path / "damaged.onnx").exists()


def test_shuffled_matrices_are_refused_where_answers_hardly_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a hybrid that was never trained, whatever is shown: it answers with its biases, to a thousandth."""
    monkeypatch.setitem(random_models.SHAPE, "initializer_range", 0.02)
    torch.manual_seed(0)
    for part in random_models.videomae_hybrid():
        part.save_pretrained(tmp_path / "model")
    assert export(tmp_path / "model", tmp_path / "sound.onnx", precision="int8").verification.ok
    monkeypatch.setattr(convert, "to_int8_dynamic", shuffled(to_int8_dynamic))
    with pytest.raises(ModelError, match=r"converted to int8, the weights '.*' are off by up to .* steps where"):
        export(tmp_path / "model", tmp_path / "damaged.onnx", precision="int8")
    assert not (tmp_path / "damaged.onnx").exists()


def test_a_damaged_patch_embedding_is_refused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its whole numbers are rounded up or down, as their sum asks for: one off by two is neither."""

    def damaged(*arguments: Any, **options: Any) -> onnx.ModelProto:
        proto = to_int8_dynamic(*arguments, **options)
        (product,) = (
            node for node in proto.graph.node if node.op_type == "MatMulInteger" and "_patches" in node.input[1]
        )
        (tensor,) = (tensor for tensor in proto.graph.initializer if tensor.name == product.input[1])
        values = numpy_helper.to_array(tensor).copy()
        values[5, 7] += 2 if values[5, 7] < 0 else -2
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        return proto

    monkeypatch.setattr(convert, "to_int8_dynamic", damaged)
    with pytest.raises(ModelError, match=r"converted to int8, the weights '.*' are off by up to .* steps where"):
        export(checkpoint, tmp_path / "damaged.onnx", precision="int8")
    assert not (tmp_path / "damaged.onnx").exists()
