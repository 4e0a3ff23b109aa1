"""From checkpoint to file: the answers are PyTorch's, the contract is whole, and a failure leaves nothing."""

from __future__ import annotations

import dataclasses
import doctest
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from generated import LABELS, write_checkpoint
from power_cut import Recording
from pytorch_answers import normalised, pattern, pytorch, random_clips, transformers_pixels
from vidcls import ModelError, VideoClassifier
from vidcls.contract import Contract, from_json
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession
from vidcls_export.exporter import export
from vidcls_export.precision import convert
from vidcls_export.reference import self_test_clip
from vidcls_export.report import report_fields

# Largest |logit difference| from PyTorch; the tiny model's logits reach about 2.
TOLERANCE = {"fp32": 1e-5, "fp16": 1e-2, "int8": 0.3}
KINDS = [(precision, graph) for precision in ("fp32", "fp16", "int8") for graph in ("onnxruntime", "portable")]


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_pytorchs(exports: dict[Any, Any], checkpoint: Path, kind: tuple[str, str]) -> None:
    clip = pattern()
    expected = pytorch(checkpoint, transformers_pixels(checkpoint, clip))[0]
    found = VideoClassifier(exports[kind].path, device="cpu").predict_frames(clip).logits
    assert np.ptp(expected) > 0.5, "logits this close together would prove nothing"
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[kind[0]])


def test_a_model_is_on_the_disk_before_it_has_its_name(recorded_exports: tuple[dict[Any, Any], Recording]) -> None:
    reports, recording = recorded_exports
    paths = {report.path for report in reports.values()}
    assert paths <= set(recording.renamed)
    assert not [problem for problem in recording.problems if any(str(path) in problem for path in paths)]


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
        "accuracy_videos",
        "accuracy_interval",
        "top1_agreement_interval",
        "file_mb",
        "latency_ms",
        "latency_pytorch_ms",
        "videos",
        "ops",
        "clips",
        "calibration",
        "negatives",
        "region",
        "tokens",
        "all_tokens",
    ]
    assert fields["path"] == str(report.path)
    assert fields["file_mb"] == pytest.approx(report.path.stat().st_size / 1e6, abs=1e-3)
    assert fields["latency_ms"] > 0
    assert fields["latency_pytorch_ms"] > 0


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


def nearly_tied(model: Any) -> None:
    """Put label 1 ahead of label 0 by less than fp16 resolves, and the others far behind."""
    model.classifier.weight[:] = model.classifier.weight[0]
    model.classifier.bias[:] = torch.tensor([1.0, 1.0 + 1e-5, -50.0, -50.0])


def test_too_little_agreement_leaves_the_older_file_alone(edit_weights: Any, clips: Path, tmp_path: Path) -> None:
    folder = edit_weights(nearly_tied)
    output = tmp_path / "out" / "model.onnx"
    output.parent.mkdir()
    output.write_bytes(b"older")
    with pytest.raises(ModelError, match=r"0 of 3 videos.*below the minimum agreement 0\.99"):
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
    with pytest.raises(ModelError, match="the logits of PyTorch are NaN or infinite"):
        export(folder, tmp_path / "out" / "model.onnx")
    assert list((tmp_path / "out").iterdir()) == []


def test_every_graph_is_opened_once_for_each_proof(
    checkpoint: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calibration, rounding, comparison, and the finished file; onnxruntime is the real one."""
    import onnxruntime

    opened: list[str] = []

    class Counted(onnxruntime.InferenceSession):  # type: ignore[misc]
        def __init__(self, path: Any, *arguments: Any, **options: Any) -> None:
            opened.append(Path(path).name)
            super().__init__(path, *arguments, **options)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Counted)
    export(checkpoint, tmp_path / "model.onnx", precision="fp16", check=clips)
    assert opened == ["calibration.onnx", "graph.onnx", "graph.onnx", "finished.onnx"]


def test_the_example_of_the_docstring_runs(
    checkpoint: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "test").symlink_to(clips, target_is_directory=True)
    (tmp_path / "checkpoint").symlink_to(checkpoint, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    (example,) = (test for test in doctest.DocTestFinder().find(export, globs={"export": export}) if test.examples)
    assert doctest.DocTestRunner().run(example).failed == 0
    assert (tmp_path / "model.onnx").is_file()


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


def test_an_fp32_file_that_is_off_on_real_clips_alone_is_refused_whatever_it_answers(
    checkpoint: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its logits are off by a thousandth for each grey level that a clip is darker or brighter than the self-test's."""
    contract = from_json(Contract, (checkpoint / "vidcls.json").read_text(encoding="utf-8"), where="vidcls.json")
    level = np.float32(self_test_clip(contract).mean(dtype=np.float64))

    def spoil(proto: onnx.ModelProto, **options: Any) -> convert.Converted:
        graph, node = proto.graph, onnx.helper.make_node
        constants = {
            "axes": np.array([1, 2, 3, 4]),
            "level": level,
            "slope": np.float32(1e-3),
            "row": np.array([-1, 1]),
        }
        graph.initializer.extend(
            onnx.numpy_helper.from_array(np.asarray(v), f"spoil_{k}") for k, v in constants.items()
        )
        for each in graph.node:
            each.output[:] = ["right" if name == "logits" else name for name in each.output]
        graph.node.extend(
            [
                node("Cast", [graph.input[0].name], ["grey"], to=onnx.TensorProto.FLOAT),
                node("ReduceMean", ["grey", "spoil_axes"], ["mean"], keepdims=0),
                node("Sub", ["mean", "spoil_level"], ["off"]),
                node("Mul", ["off", "spoil_slope"], ["scaled"]),
                node("Reshape", ["scaled", "spoil_row"], ["added"]),
                node("Add", ["right", "added"], ["logits"]),
            ]
        )
        return right(proto, **options)

    right = convert.convert
    monkeypatch.setattr("vidcls_export.draft.convert", spoil)
    assert export(checkpoint, tmp_path / "unproven.onnx").verification.ok
    with pytest.raises(ModelError, match=r"on the videos to check on, the logits .* differ from PyTorch's by"):
        export(checkpoint, tmp_path / "model.onnx", check=clips)
    assert not (tmp_path / "model.onnx").exists()


def test_report_must_not_be_the_model(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is the model; name an HTML file"):
        export(checkpoint, tmp_path / "model.html")
    (tmp_path / "pages").mkdir()
    with pytest.raises(ValueError, match="is the model; name an HTML file"):
        export(checkpoint, tmp_path / "model.onnx", report=tmp_path / "pages" / ".." / "model.onnx")


def test_where_no_report_can_be_written_shows_before_the_work(
    edit_weights: Callable[..., Path], tmp_path: Path
) -> None:
    """The weights are NaN, which is found first thing in it."""
    folder = edit_weights(lambda model: model.classifier.weight.fill_(float("nan")))
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        export(folder, tmp_path / "model.onnx", report=tmp_path / "file" / "page.html")


def test_output_must_not_be_a_folder(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder"):
        export(checkpoint, tmp_path)
