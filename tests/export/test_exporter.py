"""From checkpoint to file: the answers are PyTorch's, the contract is whole, and a failure leaves nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch
from transformers import VideoMAEForVideoClassification, VideoMAEImageProcessor

from generated import LABELS, write_checkpoint, write_clip
from vidcls import ModelError, VideoClassifier
from vidcls.contract import Contract, from_json
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession
from vidcls_export.exporter import export, report_fields

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Largest |logit difference| from PyTorch; the tiny model's logits reach about 2.
TOLERANCE = {"fp32": 1e-5, "fp16": 1e-2, "int8": 0.3}
KINDS = [(precision, graph) for precision in ("fp32", "fp16", "int8") for graph in ("onnxruntime", "portable")]


def pattern(*, frames: int = 4, height: int = 240, width: int = 320) -> np.ndarray:
    """The clip pattern-1 from its formula: uint8 RGB [T, H, W, 3]."""
    clip = np.empty((frames, height, width, 3), np.uint8)
    for t in range(frames):
        for c in range(3):
            y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
            clip[t, :, :, c] = (37 * t + 5 * y + 3 * x + 71 * c + ((x * y) >> 4)) % 256
    return clip


def random_clips(count: int) -> np.ndarray:
    """Cropped frames of noise: uint8 RGB [count, 4, 32, 32, 3]."""
    return np.random.default_rng(1).integers(0, 256, (count, 4, 32, 32, 3), np.uint8)


def normalised(clips: np.ndarray) -> np.ndarray:
    """uint8 RGB [count, T, h, w, 3] as PyTorch's model takes them: float32 [count, T, 3, h, w]."""
    return ((clips / 255 - MEAN) / STD).transpose(0, 1, 4, 2, 3).astype(np.float32)


def pytorch(folder: Path, pixel_values: np.ndarray) -> np.ndarray:
    """Logits of transformers' own model, loaded apart from vidcls_export, with its plainest attention."""
    model = VideoMAEForVideoClassification.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.inference_mode():
        return model(torch.from_numpy(np.asarray(pixel_values))).logits.numpy()


def transformers_pixels(folder: Path, clip: np.ndarray) -> np.ndarray:
    """Model input [1, T, 3, h, w] as transformers prepares a clip."""
    processor = VideoMAEImageProcessor.from_pretrained(folder, image_mean=MEAN, image_std=STD)
    return np.asarray(processor([list(clip)], return_tensors="np")["pixel_values"], np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_pytorchs(exports: dict[Any, Any], checkpoint: Path, kind: tuple[str, str]) -> None:
    clip = pattern()
    expected = pytorch(checkpoint, transformers_pixels(checkpoint, clip))[0]
    found = VideoClassifier(exports[kind].path, device="cpu").predict_frames(clip).logits
    assert np.ptp(expected) > 0.5, "logits this close together would prove nothing"
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[kind[0]])


@pytest.mark.parametrize("kind", KINDS)
def test_any_batch_gives_what_each_clip_gives_alone(
    exports: dict[Any, Any], checkpoint: Path, kind: tuple[str, str]
) -> None:
    session, clips = OnnxRuntimeSession(exports[kind].path, device="cpu"), random_clips(3)
    together = session.run(clips)
    assert together.shape == (3, len(LABELS))
    # This one takes the range of its activations from all that it gets at once.
    alone = TOLERANCE["int8"] if kind == ("int8", "onnxruntime") else 1e-5
    np.testing.assert_allclose(
        together, np.concatenate([session.run(clip[None]) for clip in clips]), rtol=0, atol=alone
    )
    np.testing.assert_allclose(together, pytorch(checkpoint, normalised(clips)), rtol=0, atol=TOLERANCE[kind[0]])
    assert session.run(random_clips(7)).shape == (7, len(LABELS))


@pytest.mark.parametrize("kind", KINDS)
def test_input_is_bytes_and_the_batch_is_free(exports: dict[Any, Any], kind: tuple[str, str]) -> None:
    session = OnnxRuntimeSession(exports[kind].path, device="cpu")
    assert (session.input_name, session.input_type) == ("pixel_values", "tensor(uint8)")
    assert session.input_shape == ["batch", 4, 32, 32, 3]
    assert (session.output_name, session.output_type) == ("logits", "tensor(float)")
    assert session.output_shape == ["batch", len(LABELS)]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_stored_in_the_precision(exports: dict[Any, Any], kind: tuple[str, str]) -> None:
    proto = onnx.load(exports[kind].path)
    onnx.checker.check_model(proto)
    matrices = [
        tensor for tensor in proto.graph.initializer if len(tensor.dims) == 2 and min(tensor.dims) > len(LABELS)
    ]
    names = {"fp32": "FLOAT", "fp16": "FLOAT16", "int8": "INT8"}
    assert {tensor.data_type for tensor in matrices} == {onnx.TensorProto.DataType.Value(names[kind[0]])}


@pytest.mark.parametrize("kind", KINDS)
def test_contract_is_the_checkpoints_with_the_files_own(
    exports: dict[Any, Any], checkpoint: Path, kind: tuple[str, str]
) -> None:
    contract = VideoClassifier(exports[kind].path, device="cpu").contract
    trained = from_json(Contract, (checkpoint / "vidcls.json").read_text(encoding="utf-8"), where="")
    for field in dataclasses.fields(trained):
        assert getattr(contract, field.name) == getattr(trained, field.name)
    assert contract == exports[kind].contract
    assert (contract.model.precision, contract.model.graph, contract.model.opset) == (*kind, 18)
    assert not contract.model.input.normalised
    clip = pattern(height=contract.self_test.height, width=contract.self_test.width)
    expected = pytorch(checkpoint, transformers_pixels(checkpoint, clip))[0]
    np.testing.assert_allclose(contract.self_test.logits, expected, rtol=0, atol=1e-5)  # PyTorch's, whatever the file
    if kind[0] != "int8":
        assert contract.self_test.tolerance == {"fp32": 1e-3, "fp16": 2e-2}[kind[0]]


@pytest.mark.parametrize("kind", KINDS)
def test_hash_is_over_the_file_with_zeros_in_its_place(exports: dict[Any, Any], kind: tuple[str, str]) -> None:
    report = exports[kind]
    content, recorded = report.path.read_bytes(), report.contract.model.file_sha256.encode()
    assert content.count(recorded) == 1
    assert hashlib.sha256(content.replace(recorded, b"0" * 64)).hexdigest().encode() == recorded
    (properties,) = onnx.load(report.path).metadata_props
    assert properties.key == "vidcls"
    assert json.loads(properties.value)["model"]["file_sha256"].encode() == recorded


@pytest.mark.parametrize("kind", KINDS)
def test_file_verifies(exports: dict[Any, Any], kind: tuple[str, str]) -> None:
    verification = VideoClassifier(exports[kind].path, device="cpu").verify()
    assert verification.ok
    assert verification == exports[kind].verification
    assert verification.max_abs_diff < TOLERANCE[kind[0]]


@pytest.mark.parametrize("kind", KINDS)
def test_parity_is_measured_on_the_clips(exports: dict[Any, Any], clips: Path, kind: tuple[str, str]) -> None:
    report = exports[kind]
    parity = report.contract.parity
    assert (parity.videos, parity.top1_agreement, report.disagreements) == (3, 1.0, [])
    assert 0 < parity.mean_abs_logit_diff < parity.max_abs_logit_diff < TOLERANCE[kind[0]]
    classifier = VideoClassifier(report.path, device="cpu")
    videos = sorted(clips.rglob("*.mp4"))
    hits = [classifier.predict(video).label == video.parent.name for video in videos]
    assert parity.accuracy_pytorch == parity.accuracy_onnx == pytest.approx(np.mean(hits))


def test_reported_fields_are_the_promised_ones(exports: dict[Any, Any]) -> None:
    report = exports["fp32", "onnxruntime"]
    fields = report_fields(report)
    assert list(fields) == [
        "path",
        "precision",
        "top1_agreement",
        "max_abs_logit_diff",
        "mean_abs_logit_diff",
        "accuracy_pytorch",
        "accuracy_onnx",
        "file_mb",
        "latency_ms",
        "latency_pytorch_ms",
        "videos",
        "ops",
    ]
    assert fields["path"] == str(report.path)
    assert fields["file_mb"] == pytest.approx(report.path.stat().st_size / 1e6, abs=1e-3)
    assert fields["latency_ms"] > 0
    assert fields["latency_pytorch_ms"] > 0


def test_sizes_are_those_of_the_precision(tmp_path: Path) -> None:
    """A model large enough that its weights, not the names in its graph, are most of the file."""
    folder = write_checkpoint(tmp_path / "wide", width=192)
    sizes = {}
    for precision in ("fp32", "fp16", "int8"):
        sizes[precision] = export(folder, tmp_path / f"{precision}.onnx", precision=precision).file_mb  # type: ignore[arg-type]
    assert sizes["fp16"] / sizes["fp32"] <= 0.51
    assert sizes["int8"] / sizes["fp32"] <= 0.30


def test_only_the_file_and_its_report_are_written(exports: dict[Any, Any]) -> None:
    folder = exports["fp32", "portable"].path.parent
    names = {f"{precision}-{graph}" for precision, graph in KINDS}
    assert {path.name for path in folder.iterdir()} == {f"{name}{end}" for name in names for end in (".onnx", ".html")}


def test_without_a_check_parity_is_null(checkpoint: Path, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    report = export(checkpoint, tmp_path / "new" / "model.onnx")
    assert report.contract.parity is None
    fields = report_fields(report)
    assert fields["top1_agreement"] is None
    assert fields["accuracy_onnx"] is None
    assert fields["videos"] == 0
    assert torch.get_num_threads() == threads


def test_stretching_model(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "stretch", resize="stretch")
    report = export(folder, tmp_path / "model.onnx")
    clip = pattern(height=90, width=200)
    expected = pytorch(folder, transformers_pixels(folder, clip))[0]
    classifier = VideoClassifier(report.path, device="cpu")
    assert classifier.contract.image.resize == "stretch"
    np.testing.assert_allclose(classifier.predict_frames(clip).logits, expected, rtol=0, atol=TOLERANCE["fp32"])


@pytest.mark.parametrize("layout", ["flat", "other labels", "a stray clip beside the labels"])
def test_clips_without_known_labels_give_no_accuracy(
    checkpoint: Path, clips: Path, tmp_path: Path, layout: str
) -> None:
    folder = tmp_path / "clips"
    if layout == "flat":
        write_clip(folder / "clip.mp4", frames=20)
    elif layout == "other labels":
        write_clip(folder / "swim" / "clip.mp4", frames=20)
    else:
        shutil.copytree(clips, folder)
        write_clip(folder / "clip.mp4", frames=20)
    parity = export(checkpoint, tmp_path / "model.onnx", check=folder).contract.parity
    assert parity is not None
    assert parity.videos == len(list(folder.rglob("*.mp4")))
    assert parity.accuracy_pytorch is None
    assert parity.accuracy_onnx is None


def test_unreadable_clip_is_named_and_not_counted(
    checkpoint: Path, clips: Path, exports: dict[Any, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "clips"
    shutil.copytree(clips, folder)
    (folder / LABELS[0] / "broken.mp4").write_bytes(b"not a video")
    with caplog.at_level(logging.WARNING, logger="vidcls"):
        report = export(checkpoint, tmp_path / "model.onnx", check=folder)
    parity = report.contract.parity
    without = exports["fp32", "onnxruntime"].contract.parity
    assert parity is not None
    assert (parity.videos, parity.accuracy_onnx) == (without.videos, without.accuracy_onnx)
    assert (report.failed, exports["fp32", "onnxruntime"].failed) == (1, 0)
    assert str(folder / LABELS[0] / "broken.mp4") in caplog.text


def test_nothing_but_unreadable_clips_is_an_error(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "broken.mp4").write_bytes(b"not a video")
    with pytest.raises(ModelError, match="not one of the 1 videos"):
        export(checkpoint, tmp_path / "model.onnx", check=tmp_path / "clips")
    assert not list(tmp_path.glob("*.onnx"))


def nearly_tied(model: Any) -> None:
    """Put label 1 ahead of label 0 by less than fp16 can tell, and the others far behind."""
    model.classifier.weight[:] = model.classifier.weight[0]
    model.classifier.bias[:] = torch.tensor([1.0, 1.0 + 1e-5, -50.0, -50.0])


def test_too_little_agreement_leaves_no_file(edit_weights: Any, clips: Path, tmp_path: Path) -> None:
    folder = edit_weights(nearly_tied)
    output = tmp_path / "out" / "model.onnx"
    with pytest.raises(ModelError, match=r"0 of 3 videos.*below the minimum agreement 0\.99"):
        export(folder, output, precision="fp16", check=clips)
    assert list(output.parent.iterdir()) == []

    output.write_bytes(b"older")
    with pytest.raises(ModelError, match=r"0 of 3 videos"):
        export(folder, output, precision="fp16", check=clips)
    assert output.read_bytes() == b"older"
    assert list(output.parent.iterdir()) == [output]

    report = export(folder, output, precision="fp16", check=clips, min_agreement=0)
    assert report.contract.parity is not None
    assert report.contract.parity.top1_agreement == 0
    # PyTorch always answers label 1, which no clip has, and the export label 0, which two of three have.
    assert report.contract.parity.accuracy_pytorch == 0
    assert report.contract.parity.accuracy_onnx == pytest.approx(2 / 3)
    assert VideoClassifier(output, device="cpu").contract == report.contract


def test_weights_that_are_not_numbers_are_refused(edit_weights: Any, tmp_path: Path) -> None:
    folder = edit_weights(lambda model: model.classifier.weight.fill_(torch.nan))
    with pytest.raises(ModelError, match="PyTorch answers with logits that are not finite"):
        export(folder, tmp_path / "out" / "model.onnx")
    assert list((tmp_path / "out").iterdir()) == []


def rounded_logits(path: Path, clip: np.ndarray) -> np.ndarray:
    """Logits of a graph run operator by operator, each rounded to its type, as a GPU does; a CPU widens fp16 else."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"pixel_values": clip})[0]


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
    np.testing.assert_allclose(found, pytorch(folder, normalised(random_clips(2))), rtol=0, atol=TOLERANCE["fp16"])
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
    np.testing.assert_allclose(found, pytorch(folder, normalised(random_clips(2))), rtol=0, atol=TOLERANCE["fp16"])


def test_fp16_keeps_an_attention_whose_scores_overflow_in_fp32(edit_weights: Any, tmp_path: Path) -> None:
    """What it reads and makes fits fp16; what its softmax gets lies within the one operator and does not."""

    def overflow(model: Any) -> None:
        attention = model.videomae.encoder.layer[0].attention.attention
        attention.query.weight[:] *= 300
        attention.key.weight[:] *= 300
        attention.value.weight[:] = 0  # so that the answer does not hang on which of two large scores is larger

    report = export(edit_weights(overflow), tmp_path / "model.onnx", precision="fp16")
    assert report.kept_in_fp32 == 1


def test_fp16_looks_for_large_numbers_on_the_clips(edit_weights: Any, tmp_path: Path) -> None:
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
    np.testing.assert_allclose(found, pytorch(folder, normalised(random_clips(2))), rtol=0, atol=TOLERANCE["fp16"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"precision": "int4"}, "precision is 'int4', expected one of 'fp32', 'fp16', 'int8'"),
        ({"graph": "tensorrt"}, "graph is 'tensorrt', expected one of 'onnxruntime', 'portable'"),
        ({"min_agreement": 1.5}, r"min_agreement is 1\.5"),
        ({"check": "/nowhere"}, "/nowhere: is not a folder"),
        ({"clip_seconds": 2.0}, r"clip seconds are 2, but .*vidcls\.json already says 0\.8"),
    ],
)
def test_wrong_arguments(checkpoint: Path, tmp_path: Path, arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        export(checkpoint, tmp_path / "model.onnx", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_report_must_not_be_the_model(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is the model; name an HTML file"):
        export(checkpoint, tmp_path / "model.html")


def test_output_must_not_be_a_folder(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder"):
        export(checkpoint, tmp_path)


def test_folder_without_videos_is_a_wrong_argument(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    with pytest.raises(ValueError, match="holds no videos"):
        export(checkpoint, tmp_path / "model.onnx", check=tmp_path / "clips")
