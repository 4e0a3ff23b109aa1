"""`vidcls predict`: JSON fields as promised, and an answer in the place of every video, also of those that fail."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from commands import json_lines, run, run_process
from generated import LABELS, contract_fields, write_clip, write_model
from vidcls import VideoClassifier
from vidcls.cli.predictions_csv import predictions_csv
from vidcls.tables import PREDICTION_COLUMNS

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


def test_people_see_which_labels_that_hold_together_are_there(tmp_path: Path, clip: Path) -> None:
    """The highest probability is not enough: a label may count from 0.9 on, and another from 0.1 on."""
    fields = contract_fields()
    fields["decision"]["activation"] = "sigmoid"
    (top, score), (second, other), *_ = (
        VideoClassifier(write_model(tmp_path / "plain.onnx", fields)).predict(clip).top(len(LABELS))
    )

    def shown(**points: float) -> str:
        chosen = {label: {"probability": at, "precision": 0.9, "recall": 0.9} for label, at in points.items()}
        fields["decision"]["operating_points"] = {label: chosen.get(label) for label in LABELS}
        return run("predict", write_model(tmp_path / "model.onnx", fields), clip).stdout.splitlines()[0]

    above = dict.fromkeys(LABELS, 1.0)
    assert shown(**above) == f"{clip}: none of the labels"
    assert shown(**above | {second: other / 2}) == f"{clip}: {second}"
    both = ", ".join(label for label in LABELS if label in (top, second))
    assert shown(**above | {top: score / 2, second: other / 2}) == f"{clip}: {both}"


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


def _folder(tmp_path: Path) -> Path:
    for name, frames in (("b.mp4", 8), ("a.mp4", 20), ("deep/c.mp4", 30)):
        write_clip(tmp_path / "clips" / name, frames=frames)
    return tmp_path / "clips"


def test_folders_and_patterns_are_their_videos_in_order(model: Path, clip: Path, tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    answers = json_lines(run("predict", model, clip, folder, f"{folder}/*.mp4", "--json").stdout)
    expected = [clip, *(folder / name for name in ("a.mp4", "b.mp4", "deep/c.mp4", "a.mp4", "b.mp4"))]
    assert [answer["video"] for answer in answers] == [str(path) for path in expected]
    classifier = VideoClassifier(model)
    assert [answer["logits"] for answer in answers] == [classifier.predict(path).logits.tolist() for path in expected]


def test_a_pattern_of_no_video_answers_in_its_place(model: Path, clip: Path, tmp_path: Path) -> None:
    result = run("predict", model, f"{tmp_path}/*.mp4", clip, "--json", code=1)
    first, second = json_lines(result.stdout)
    assert first["error"]["message"].startswith(f"{tmp_path}/*.mp4: no video matches this pattern")
    assert second["video"] == str(clip)


def test_a_number_is_a_camera(model: Path) -> None:
    result = run("predict", model, "97", code=1)
    assert result.stderr == "Error: camera 97: cannot be opened; check it is plugged in and not in use\n"


LABELS_TO_ESCAPE = ("=1+1", "동작, 왼쪽", 'a "b"', "-2")


def test_csv_has_a_row_a_video_with_the_probability_of_every_label(tmp_path: Path) -> None:
    model, folder = write_model(tmp_path / "model.onnx", labels=LABELS_TO_ESCAPE), _folder(tmp_path)
    (folder / "broken, 망가진.mp4").write_bytes(b"\0no video")
    out = tmp_path / "answers.csv"
    result = run("predict", model, folder, "--csv", out, code=1)
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == f"{out}: 4 videos, 1 of them failed"
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["video"]).name for row in rows] == ["a.mp4", "b.mp4", "broken, 망가진.mp4", "c.mp4"]
    for row in rows[:2] + rows[3:]:
        expected = VideoClassifier(model).predict(row["video"])
        escaped = f"'{expected.label}" if expected.label[0] in "=-" else expected.label
        assert (row["label"], row["known"], row["error"]) == (escaped, "True", "")
        assert float(row["score"]) == expected.score
        assert [float(row[f"p({label})"]) for label in LABELS_TO_ESCAPE] == expected.probabilities.tolist()
    assert rows[2]["label"] == rows[2]["p(-2)"] == ""
    assert rows[2]["error"].startswith(f"{folder / 'broken, 망가진.mp4'}: cannot be opened as a video")


def test_pandas_reads_the_csv_as_it_was_meant(model: Path, clip: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    run("predict", model, clip, tmp_path / "gone.mp4", "--csv", tmp_path / "out.csv", code=1)
    table = pandas.read_csv(tmp_path / "out.csv")
    assert list(table.columns) == [*PREDICTION_COLUMNS, *(f"p({label})" for label in LABELS)]
    assert {"video", "label", "score", "known", "labels_present", "start", "end", "error"} < set(PREDICTION_COLUMNS)
    assert b"\r" not in (tmp_path / "out.csv").read_bytes()  # as `to_csv` has it
    np.testing.assert_array_equal(
        table.loc[0, [f"p({label})" for label in LABELS]].astype(float),
        VideoClassifier(model).predict(clip).probabilities,
    )
    assert table["label"].isna().tolist() == [False, True]


def test_a_row_is_on_the_disk_as_soon_as_it_is_written_and_stays_when_all_is_broken_off(
    model: Path, clip: Path, tmp_path: Path
) -> None:
    answer, out = VideoClassifier(model).predict(clip), tmp_path / "out.csv"

    def break_off() -> None:
        with predictions_csv(out, answer.labels) as show:
            show("=a.mp4", answer)
            assert out.read_text(encoding="utf-8").splitlines()[1].startswith(f"'=a.mp4,{answer.label},")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert len(out.read_text(encoding="utf-8").splitlines()) == 2


def test_a_video_in_the_place_of_the_csv_is_left_alone(model: Path, clip: Path, tmp_path: Path) -> None:
    video = tmp_path / "other.mp4"
    video.write_bytes(clip.read_bytes())
    result = run("predict", model, "--csv", video, clip, code=2)
    assert "does not end in .csv; name the file to write" in " ".join(result.stderr.split())
    assert video.read_bytes() == clip.read_bytes()
    result = run("predict", model, clip, "--csv", tmp_path / "gone" / "out.csv", code=2)
    assert "there is no folder" in result.stderr


def test_a_csv_among_the_sources_and_one_without_an_answer_are_left_alone(
    model: Path, clip: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old.csv"
    old.write_text("answers of before\n", encoding="utf-8")
    for source in (old, f"{tmp_path}/*.csv"):
        result = run("predict", model, clip, source, "--csv", old, code=2)
        assert "is one of the sources, and would be overwritten" in " ".join(result.stderr.split())

    def without_answer() -> None:
        with predictions_csv(old, LABELS):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        without_answer()
    assert old.read_text(encoding="utf-8") == "answers of before\n"


def test_copies_saved_below_a_source_are_not_classified(model: Path, tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    for source in (folder, f"{folder}/**/*.mp4"):  # the second time, copies of the first are there
        answers = json_lines(run("predict", model, source, "--save", folder / "out", "--json").stdout)
        assert [Path(answer["video"]).name for answer in answers] == ["a.mp4", "b.mp4", "c.mp4"]
    assert len(list((folder / "out").iterdir())) == 3
    (answer,) = json_lines(run("predict", model, folder / "deep", "--save", folder / "deep", "--json").stdout)
    assert Path(answer["video"]).name == "c.mp4"
    (named,) = json_lines(
        run("predict", model, folder / "out" / "a-annotated.mp4", "--save", folder / "out", "--json").stdout
    )
    assert named["label"] in LABELS


def test_options_of_files_beside_a_camera_are_refused_before_anything_runs(model: Path, clip: Path) -> None:
    for option in (("--views", 2), ("--decoder", "opencv")):
        result = run("predict", model, clip, 97, clip, *option, "--json", code=2)
        assert result.stdout == ""
        assert f"{option[0]} cannot be had of camera 97, which is live; leave it out" in result.stderr
