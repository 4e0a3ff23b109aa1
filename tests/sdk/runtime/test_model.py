"""A model file is read without an engine, then opened once: on the device that its contract allows."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from generated import contract_fields, write_clip, write_model
from vidcls import DeviceError, ModelError
from vidcls.runtime.model import open_model, read_contract
from vidcls.runtime.onnx_file import read_text

TEXTS = {"vidcls": "{}", "empty": "", "été": "左" * 200, "long": "x" * 100_000}


def write_onnx(path: Path, *, ir_version: int = 8) -> Path:
    """A file with a field of every wire type that the ONNX format has, weights of 400 kB, and TEXTS."""
    proto = onnx.load(write_model(path))
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(100_000, np.float32), "unused"))
    proto.model_version = 2**40
    proto.ir_version = ir_version
    del proto.metadata_props[:]
    onnx.helper.set_model_props(proto, TEXTS)
    onnx.save(proto, path)
    return path


def read_texts(path: Path) -> dict[str, str | None]:
    return {key: read_text(path, key, limit=1_000_000) for key in TEXTS}


def test_metadata_is_what_the_onnx_package_reads(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "model.onnx")
    assert read_texts(path) == {entry.key: entry.value for entry in onnx.load(path).metadata_props} == TEXTS


def test_fields_of_unknown_numbers_and_kinds_are_passed_over(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "model.onnx")
    unknown = b"\x9a\x06\x01x" + b"\x99\x06" + b"\xff" * 8 + b"\x9d\x06" + b"\xff" * 4 + b"\x98\x06\xff\x01"
    path.write_bytes(unknown + path.read_bytes() + unknown)
    assert read_texts(path) == TEXTS


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.99, 0.99999])
def test_a_file_that_was_cut_off_is_named(share: float, tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "cut.onnx")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match=r"^[^\n]*cut\.onnx: [^\n]*(damaged, cut off|not a vidcls model)[^\n]*$"):
        read_contract(path)


@pytest.mark.parametrize("content", [b"not ONNX", b"\x00" * 1000, b"PK\x03\x04" + b"\x01" * 500, b"\xff" * 4096])
def test_what_is_not_onnx_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"^[^\n]*other\.onnx: [^\n]*damaged, cut off, or of another kind[^\n]*$"):
        read_contract(tmp_path / "other.onnx")


def test_a_contract_that_is_not_utf8_is_damage(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx")
    path.write_bytes(path.read_bytes().replace(b"turn left", b"\xffurn left"))
    with pytest.raises(ModelError, match=r"model\.onnx: .*damaged"):
        read_contract(path)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The providers of every onnxruntime session that is opened."""
    found: list[Any] = []
    real = onnxruntime.InferenceSession

    class Counting(real):  # type: ignore[misc, valid-type]
        def __init__(self, path: Any, options: Any, *, providers: Any, **others: Any) -> None:
            found.append(providers)
            super().__init__(path, options, providers=providers, **others)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Counting)
    return found


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_model_is_opened_once(precision: str, device: Any, opened: list[Any], tmp_path: Path) -> None:
    fields = contract_fields()
    fields["model"]["precision"] = precision
    session, contract = open_model(write_model(tmp_path / "m.onnx", fields), device=device, engine="onnxruntime")
    assert (session.device, contract.model.precision, len(opened)) == ("cpu", precision, 1)


def test_an_int8_model_is_never_opened_on_cuda(opened: list[Any], tmp_path: Path) -> None:
    fields = contract_fields()
    fields["model"]["precision"] = "int8"
    path = write_model(tmp_path / "m.onnx", fields)
    with pytest.raises(DeviceError, match=r"m\.onnx: is an int8 model, which is for CPUs"):
        open_model(path, device="cuda", engine="onnxruntime")
    assert opened == []
    session, _ = open_model(path, device="auto", engine="onnxruntime")
    assert session.device_reason == "int8 models are for CPUs"
    assert opened == [["CPUExecutionProvider"]]


def test_a_card_that_lies_idle_for_an_int8_model_is_spoken_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    fields = contract_fields()
    fields["model"]["precision"] = "int8"
    path = write_model(tmp_path / "m.onnx", fields)
    for is_there in (False, True):
        monkeypatch.setattr("vidcls.runtime.cuda.card_in_sight", lambda is_there=is_there: is_there)
        open_model(path, device="auto", engine="onnxruntime")
        open_model(path, device="cpu", engine="onnxruntime")
    (record,) = caplog.records
    assert record.getMessage().startswith("running on the CPU: int8 models are for CPUs; export")


def test_what_is_named_in_a_models_place_is_called_what_it_is(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", frames=10)
    with pytest.raises(
        ModelError, match=r"clip\.mp4: is a video, and the model comes first, as in 'vidcls predict model"
    ):
        read_contract(tmp_path / "clip.mp4")
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    header = b"{}"
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    command = rf"exported first: vidcls-export {folder} -o model\.onnx$"
    with pytest.raises(ModelError, match=rf"checkpoint: is a checkpoint, which is {command}"):
        read_contract(folder)
    with pytest.raises(ModelError, match=rf"model\.safetensors: holds a checkpoint's weights, which are {command}"):
        read_contract(folder / "model.safetensors")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_name_that_is_not_utf8_is_said_where_an_engine_cannot_take_it(model: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"m\xff.onnx")
    odd.write_bytes(model.read_bytes())
    with pytest.raises(
        ModelError, match=r"m\\udcff\.onnx: onnxruntime opens only files whose names are valid UTF-8; re"
    ):
        open_model(odd, device="cpu", engine="onnxruntime")
