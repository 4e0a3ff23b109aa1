"""`vidcls predict`: JSON fields as promised, and an answer in the place of every video, also of those that fail."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from commands import json_lines, run, run_process
from generated import LABELS, write_clip, write_model
from vidcls import VideoClassifier

MANY_LABELS = ("a", "b", "c", "d", "e", "f", "g")


def test_predict_answers_in_json_with_the_promised_fields(model: Path, clip: Path) -> None:
    (answer,) = json_lines(run("predict", model, clip, "--json", "--views", 2, "--crops", 3, "--top-k", 2).stdout)
    expected = VideoClassifier(model).predict(clip, views=2, crops=3)
    timing = answer.pop("timing_ms")
    assert set(timing) == {"decode", "preprocess", "inference", "total"}
    assert all(isinstance(value, float) and value >= 0 for value in timing.values())
    assert answer == {
        "video": str(clip),
        "label": expected.label,
        "score": expected.score,
        "top": [{"label": label, "score": score} for label, score in expected.top(2)],
        "logits": expected.logits.tolist(),
        "probabilities": expected.probabilities.tolist(),
        "decoded_share": expected.decoded_share,
        "known": True,
        "labels_present": [expected.label],
        "labels": list(LABELS),
        "windows": [list(window) for window in expected.windows],
        "timestamps": expected.timestamps.tolist(),
        "device": "cpu",
    }


def test_predict_takes_one_view_and_five_labels_by_default(tmp_path: Path, clip: Path) -> None:
    model = write_model(tmp_path / "model.onnx", labels=MANY_LABELS)
    (answer,) = json_lines(run("predict", model, clip, "--json").stdout)
    assert len(answer["top"]) == 5
    assert np.shape(answer["timestamps"]) == (1, 4)
    assert answer["logits"] == VideoClassifier(model).predict(clip).logits.tolist()


def test_predict_prints_labels_for_people(model: Path, clip: Path) -> None:
    lines = run("predict", model, clip, "--top-k", 2).stdout.splitlines()
    expected = VideoClassifier(model).predict(clip).top(2)
    assert lines == [str(clip), *(f"  {score:.4f}  {label}" for label, score in expected)]


def test_a_failing_video_answers_in_its_place_and_the_others_too(model: Path, clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    result = run("predict", model, clip, broken, tmp_path / "gone.mp4", clip, "--json", code=1)
    first, second, third, fourth = json_lines(result.stdout)
    assert first["label"] == fourth["label"]
    assert [first["video"], fourth["video"]] == [str(clip)] * 2
    for answer, path in ((second, broken), (third, tmp_path / "gone.mp4")):
        assert set(answer) == {"video", "error"}
        assert answer["video"] == str(path)
        assert answer["error"]["type"] == "VideoError"
        assert answer["error"]["message"].startswith(f"{path}: ")
    assert "Traceback" not in result.stderr


def test_a_failing_video_is_named_on_stderr(model: Path, clip: Path, tmp_path: Path) -> None:
    result = run("predict", model, tmp_path / "gone.mp4", clip, code=1)
    assert result.stdout.startswith(str(clip))
    assert result.stderr == f"Error: {tmp_path / 'gone.mp4'}: there is no such file\n"


def test_a_url_is_shown_without_its_credentials(model: Path) -> None:
    url = "http://admin:secret@127.0.0.1:9/clip.mp4"
    for options in ([], ["--json"]):
        result = run("predict", model, url, *options, code=1)
        assert "http://127.0.0.1:9/clip.mp4" in result.output
        assert "secret" not in result.output


def test_a_name_that_is_not_utf8_answers_in_json(model: Path, tmp_path: Path) -> None:
    name = b"\xff.mp4"
    write_clip(tmp_path / "clip.mp4", frames=8).rename(os.fsdecode(bytes(tmp_path) + b"/" + name))
    result = run_process("predict", model, "--json", os.fsdecode(name), "clip.mp4", folder=tmp_path)
    assert result.returncode == 1
    assert [answer["video"] for answer in json_lines(result.stdout)] == ["\ufffd.mp4", "clip.mp4"]


def test_a_name_that_stdout_cannot_show_answers_all_the_same(model: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", frames=8).rename(tmp_path / "ü左.mp4")
    result = run_process("predict", model, "ü左.mp4", folder=tmp_path, encoding="latin-1")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("ü?.mp4\n")
    result = run_process("predict", model, "ü左.mp4", "--json", folder=tmp_path, encoding="latin-1")
    assert (result.returncode, result.stderr) == (0, "")
    assert [answer["video"] for answer in json_lines(result.stdout)] == ["ü左.mp4"]
