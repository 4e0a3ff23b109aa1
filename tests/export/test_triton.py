"""The model repository for Triton: its schema, and its client with the graph behind it instead of a server."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest

from generated import LABELS, contract_fields, write_clip, write_model
from vidcls import VideoClassifier
from vidcls_export.triton import write_repository

SUMS = 1e-5  # of logits, in another order


@pytest.fixture(scope="module", params=["float32", "uint8"])
def repository(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one model; its name needs escapes."""
    folder = tmp_path_factory.mktemp("triton")
    model = write_model(folder / 'a "b" ä.onnx', dtype=request.param)
    return write_repository(model, VideoClassifier(model, device="cpu").contract, folder / "models", region=None)


def test_the_folder_is_what_a_model_repository_holds(repository: Path) -> None:
    files = {path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file()}
    assert files == {"config.pbtxt", "labels.txt", "contract.json", "README.md", "1/model.onnx"}
    assert (repository / "labels.txt").read_text().splitlines() == list(LABELS)
    assert VideoClassifier(repository / "1" / "model.onnx", device="cpu").verify().ok


def test_the_configuration_has_the_graphs_shapes(repository: Path) -> None:
    """Also where there is no tritonclient, whose schema the next test needs."""
    session = onnxruntime.InferenceSession(repository / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    shapes = [part.shape[1:] for part in (*session.get_inputs(), *session.get_outputs())]
    text = (repository / "config.pbtxt").read_text(encoding="utf-8")
    found = re.findall(r"dims: \[ (.*) \]", text)
    assert [[int(size) for size in sizes.split(", ")] for sizes in found] == shapes
    assert text.startswith(r'name: "a \"b\" ä"')


def test_the_configuration_fits_tritons_schema_and_the_graph(repository: Path) -> None:
    schema = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    from google.protobuf import text_format

    config = text_format.Parse((repository / "config.pbtxt").read_text(encoding="utf-8"), schema.ModelConfig())
    session = onnxruntime.InferenceSession(repository / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    (entry,), (output,) = session.get_inputs(), session.get_outputs()
    types = {"tensor(float)": schema.TYPE_FP32, "tensor(uint8)": schema.TYPE_UINT8}
    assert (config.name, config.backend) == (repository.name, "onnxruntime")
    assert config.max_batch_size in config.dynamic_batching.preferred_batch_size
    assert [(part.name, part.data_type, list(part.dims)) for part in config.input] == [
        (entry.name, types[entry.type], entry.shape[1:])
    ]
    assert [(part.name, part.data_type, list(part.dims)) for part in config.output] == [
        (output.name, types[output.type], output.shape[1:])
    ]
    assert (repository / config.output[0].label_filename).is_file()


@pytest.mark.parametrize(
    ("kind", "largest"), [(("int8", "onnxruntime"), 1), (("int8", "portable"), 32), (("fp32", "onnxruntime"), 32)]
)
def test_a_clip_is_answered_in_the_largest_batch_as_it_is_alone(
    kind: tuple[str, str], largest: int, exports: dict[tuple[str, str], Any], tmp_path: Path
) -> None:
    report = exports[kind]
    repository = write_repository(report.path, report.contract, tmp_path, region=None)
    text = (repository / "config.pbtxt").read_text(encoding="utf-8")
    (batch,) = map(int, re.findall(r"max_batch_size: (\d+)", text))
    session = onnxruntime.InferenceSession(repository / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    random = np.random.default_rng(0)
    dark = random.integers(0, 40, (1, *entry.shape[1:]), dtype=np.uint8)
    others = random.integers(0, 256, (batch - 1, *entry.shape[1:]), dtype=np.uint8)
    (alone,), (together,) = (session.run(None, {entry.name: clips}) for clips in (dark, np.concatenate([dark, others])))
    np.testing.assert_allclose(together[:1], alone, atol=SUMS, rtol=0)
    assert (batch, "dynamic_batching" in text) == (largest, largest > 1)


def test_only_a_model_of_tritons_is_replaced(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    contract, folder = VideoClassifier(model, device="cpu").contract, tmp_path / "models"
    other = folder / "model" / "thesis.txt"
    other.parent.mkdir(parents=True)
    other.write_text("three years")
    with pytest.raises(ValueError, match="is there already and is no model of Triton's"):
        write_repository(model, contract, folder, region=None)
    assert other.read_text() == "three years"
    other.unlink()
    other.parent.rmdir()
    stale = write_repository(model, contract, folder, region=None) / "2" / "model.onnx"
    stale.parent.mkdir()
    stale.write_bytes(b"older")
    write_repository(model, contract, folder, region=None)
    assert not stale.exists()


def run_client(repository: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Run the program of the README, with the graph behind it instead of a server; the names that it asked for."""
    session = onnxruntime.InferenceSession(repository / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    sent: list[Any] = []

    class InferInput:
        def __init__(self, name: str, shape: list[int], kind: str) -> None:
            self.name, self.shape, self.kind = name, shape, kind

        def set_data_from_numpy(self, values: np.ndarray) -> None:
            assert list(values.shape) == self.shape
            assert self.kind == {"float32": "FP32", "uint8": "UINT8"}[str(values.dtype)]
            self.values = values

    class Client:
        def __init__(self, url: str) -> None:
            assert url == "localhost:8000"

        def infer(self, name: str, inputs: list[InferInput]) -> Client:
            sent.append(name)
            names = [output.name for output in session.get_outputs()]
            self.answers = dict(zip(names, session.run(None, {part.name: part.values for part in inputs}), strict=True))
            return self

        def as_numpy(self, name: str) -> np.ndarray:
            return self.answers[name]

    stand_in = ModuleType("tritonclient.http")
    stand_in.InferInput, stand_in.InferenceServerClient = InferInput, Client  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tritonclient", ModuleType("tritonclient"))
    monkeypatch.setitem(sys.modules, "tritonclient.http", stand_in)
    sys.modules["tritonclient"].http = stand_in  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "argv", ["client.py", os.fspath(clip)])
    monkeypatch.chdir(repository)
    (program,) = re.findall(r"```python\n(.*?)```", (repository / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(program, "README.md", "exec"), {})  # noqa: S102 - what a reader would run
    return sent


def test_the_client_of_the_readme_gives_the_answer_of_predict(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=40, rate=25)
    sent = run_client(repository, clip, monkeypatch)
    expected = VideoClassifier(repository / "1" / "model.onnx", device="cpu").predict(clip)
    assert capsys.readouterr().out == f"{expected.label} {expected.score}\n"
    assert sent == [repository.name]


def test_the_client_looks_at_the_region_that_the_model_was_checked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, region = write_clip(tmp_path / "clip.mp4", frames=40, rate=25), (0.5, 0.25, 1.0, 1.0)
    model = VideoClassifier(write_model(tmp_path / "model.onnx"), device="cpu")
    repository = write_repository(tmp_path / "model.onnx", model.contract, tmp_path / "models", region=region)
    run_client(repository, clip, monkeypatch)
    expected = model.predict(clip, region=region)
    assert capsys.readouterr().out == f"{expected.label} {expected.score}\n"
    assert expected.score != model.predict(clip).score
    assert "- pixels: of the region 0.5,0.25,1,1 of the picture, " in (repository / "README.md").read_text("utf-8")


def test_the_client_knows_what_shows_none_of_the_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=40, rate=25)
    top = VideoClassifier(write_model(tmp_path / "some.onnx"), device="cpu").predict(clip).label
    fields = contract_fields()
    fields["decision"] |= {"none_label": top, "operating_points": None, "reject": None, "events": None}
    model = VideoClassifier(write_model(tmp_path / "model.onnx", fields), device="cpu")
    run_client(
        write_repository(tmp_path / "model.onnx", model.contract, tmp_path / "models", region=None), clip, monkeypatch
    )
    assert not model.predict(clip).known
    assert capsys.readouterr().out == f"none of the labels {model.predict(clip).score}\n"


def test_where_the_disk_is_full_the_older_one_stays_whole(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    contract, folder = VideoClassifier(model, device="cpu").contract, tmp_path / "models"
    older = write_repository(model, contract, folder, region=None) / "1" / "older"
    older.touch()
    with pytest.raises(FileNotFoundError):
        write_repository(tmp_path / "gone" / "model.onnx", contract, folder, region=None)
    assert older.exists()
    assert [path.name for path in folder.iterdir()] == ["model"]
    with pytest.raises(FileNotFoundError):
        write_repository(tmp_path / "gone" / "new.onnx", contract, folder, region=None)
    assert [path.name for path in folder.iterdir()] == ["model"]


def test_a_model_that_is_there_is_replaced_and_others_stay(tmp_path: Path) -> None:
    model = write_model(tmp_path / "one.onnx")
    contract = VideoClassifier(model, device="cpu").contract
    folder = tmp_path / "models"
    (folder / "other").mkdir(parents=True)
    (write_repository(model, contract, folder, region=None) / "1" / "old").touch()
    write_repository(model, contract, folder, region=None)
    assert sorted(path.name for path in folder.iterdir()) == ["one", "other"]
    assert not (folder / "one" / "1" / "old").exists()


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    model = write_model(tmp_path / "one.onnx")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "work.txt").touch()
    with pytest.raises(ValueError, match="is there already and is no model of Triton's"):
        write_repository(model, VideoClassifier(model, device="cpu").contract, tmp_path, region=None)
    assert (tmp_path / "one" / "work.txt").exists()
