"""`vidcls verify`: JSON fields as promised, and the exit code."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from commands import json_lines, run
from generated import contract_fields, model_weights, self_test_logits, write_model
from vidcls.runtime.model import read_contract
from vidcls.video import decoder_check, versions
from vidcls.video.protocol import Frame
from vidcls.video.reader import default_decoder, iter_frames

VERSIONS = {"OpenCV": cv2.__version__, "PyAV": av.__version__}


def test_verify_answers_in_json_with_the_promised_fields(model: Path) -> None:
    (answer,) = json_lines(run("verify", model, "--json").stdout)
    difference = answer.pop("max_abs_diff")
    assert 0 <= difference < answer["tolerance"]
    decoders = answer.pop("decoders")
    assert answer == {"ok": True, "tolerance": 0.001, "device": "cpu", "precision": "fp32"}
    assert decoders[0]["decoder"] == default_decoder()
    assert {found["name"]: found["version"] for found in decoders} == VERSIONS
    assert all(found["ok"] and found["problem"] is None for found in decoders)
    text = run("verify", model).stdout
    assert text.startswith(f"{model}: ok on cpu, fp32; ")
    names = " and ".join(f"{found['name']} {found['version']}" for found in decoders)
    assert f"\n{names} decode right, " in text


def test_verify_exits_with_1_where_the_proof_fails(tmp_path: Path) -> None:
    fields = contract_fields()
    fields["self_test"]["logits"] = [logit + 1 for logit in self_test_logits(fields)]
    model = write_model(tmp_path / "model.onnx", fields)
    result = run("verify", model, "--json", code=1)
    (answer,) = json_lines(result.stdout)
    assert answer["ok"] is False
    assert answer["problem"].startswith("the logits differ from PyTorch's by 1, more than")
    assert math.isclose(answer["max_abs_diff"], 1, abs_tol=0.001)
    assert run("verify", model, code=1).stdout == ""


def test_verify_of_a_model_without_finite_answers_is_still_json(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    content = model.read_bytes()
    first = model_weights(contract_fields()).tobytes()[:16]
    content = content.replace(first, np.float32(np.nan).tobytes() + first[4:])
    recorded = read_contract(model).model.file_sha256.encode()
    zeros = content.replace(recorded, b"0" * 64)
    model.write_bytes(zeros.replace(b"0" * 64, hashlib.sha256(zeros).hexdigest().encode()))
    (answer,) = json_lines(run("verify", model, "--json", code=1).stdout)
    assert answer["ok"] is False
    assert answer["max_abs_diff"] is None


def test_verify_of_a_file_that_was_changed_is_json_and_a_sentence(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    model.write_bytes(model.read_bytes() + b"\x9a\x06\x01x")
    result = run("verify", model, "--json", code=1)
    (answer,) = json_lines(result.stdout)
    assert answer["ok"] is False
    assert answer["error"] == {"type": "ModelError", "message": result.stderr.removeprefix("Error: ").rstrip()}
    assert "changed or damaged after it was exported" in result.stderr


def test_verify_on_a_device_that_does_not_work_is_json_and_a_sentence(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    result = run("verify", model, "--device", "cuda", "--json", code=1)
    (answer,) = json_lines(result.stdout)
    assert answer["ok"] is False
    assert answer["error"] == {"type": "DeviceError", "message": result.stderr.removeprefix("Error: ").rstrip()}


def test_limits_verify_in_a_process_of_its_own(model: Path, tmp_path: Path) -> None:
    (answer,) = json_lines(run("verify", model, "--max-seconds", 60, "--json").stdout)
    assert (answer["ok"], answer["precision"]) == (True, "fp32")
    too_short = run("verify", model, "--max-seconds", 0.01, code=1).stderr
    assert too_short == f"Error: {model}: opening and running it takes more than 0.01 s; given up\n"
    if sys.platform.startswith("linux"):
        too_little = run("verify", model, "--max-memory-mb", 50, code=1).stderr
        assert too_little.startswith(f"Error: {model}: ")
        assert too_little.count("\n") == 1
    gone = run("verify", tmp_path / "gone.onnx", "--max-seconds", 60, code=1).stderr
    assert gone == f"Error: {tmp_path / 'gone.onnx'}: there is no such file; export a model with vidcls-export\n"


@pytest.mark.parametrize("spoilt", ["opencv", "pyav"])
def test_verify_exits_with_1_where_a_decoder_decodes_other_pixels(
    spoilt: str, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, spoilt)
    result = run("verify", model, "--json", code=1)
    (answer,) = json_lines(result.stdout)
    assert (answer["ok"], answer["max_abs_diff"] < 0.001) == (False, True)
    assert {found["decoder"]: found["ok"] for found in answer["decoders"]} == {
        decoder: decoder != spoilt for decoder in ("opencv", "pyav")
    }
    (problem,) = (found["problem"] for found in answer["decoders"] if found["problem"])
    (message,) = result.stderr.splitlines()
    assert message == f"Error: {model}: on cpu, {problem}"
    name = versions.NAMES[spoilt]  # type: ignore[index]
    assert f"{name} {VERSIONS[name]} decodes videos otherwise than" in message
    assert "(BT.709 H.264 by 30 grey levels); run 'pip install " in message
    assert run("verify", model, code=1).stdout == ""


def spoil(monkeypatch: pytest.MonkeyPatch, spoilt: str) -> None:
    """Let one decoder decode a clip to other pixels."""

    def frames(source: Path, indices: range, *, decoder: str) -> Iterator[Frame]:
        for frame in iter_frames(source, indices, decoder=decoder):  # type: ignore[arg-type]
            yield np.where(frame < 200, frame + 30, frame) if (decoder, source.stem) == (spoilt, "bt709") else frame

    monkeypatch.setattr(decoder_check, "iter_frames", frames)
    monkeypatch.setattr("vidcls.classifier.check_decoders", decoder_check.check_decoders.__wrapped__)
