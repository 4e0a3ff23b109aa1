"""`vidcls evaluate`: scikit-learn's scores, and a report."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import json_lines, run
from generated import write_clip, write_model
from vidcls import VideoClassifier
from vidcls.evaluation.metrics import wilson_interval

MANY_LABELS = ("a", "b", "c", "d", "e", "f", "g")


def write_labelled(folder: Path, counts: dict[str, int]) -> Path:
    number = 5
    for label, count in counts.items():
        for index in range(count):
            write_clip(folder / label / f"{index}.mp4", frames=number, width=64 + 2 * number, height=64)
            number += 2
    return folder


def test_evaluate_gives_the_scores_that_scikit_learn_gives(tmp_path: Path) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    model = write_model(tmp_path / "model.onnx", labels=MANY_LABELS)
    data = write_labelled(tmp_path / "data", {"f": 5, "b": 4, "d": 3, "a": 2})
    (data / "readme.txt").write_text("not a label", encoding="utf-8")
    (data / "c").mkdir()

    classifier = VideoClassifier(model)
    videos = sorted(data.rglob("*.mp4"))
    truth = [MANY_LABELS.index(path.parent.name) for path in videos]
    logits = np.stack([classifier.predict(path, views=2).logits for path in videos])
    predicted = logits.argmax(axis=1)
    top1 = metrics.accuracy_score(truth, predicted)
    top5 = metrics.top_k_accuracy_score(truth, logits, k=5, labels=range(7))
    assert 0 < top5 < 1  # else this would not tell top-5 from anything

    result = run("evaluate", model, data, "--views", 2, "--json")
    assert result.stderr == ""
    (answer,) = json_lines(result.stdout)
    answer["per_class"] = {
        label: {name: row[name] for name in ("videos", "top1")} for label, row in answer["per_class"].items()
    }
    assert answer == {
        "videos": 14,
        "failed": 0,
        "top1": pytest.approx(top1),
        "top5": pytest.approx(top5),
        "per_class": {
            label: {
                "videos": truth.count(index),
                "top1": pytest.approx(float((predicted[np.array(truth) == index] == index).mean()))
                if index in truth
                else None,
            }
            for index, label in enumerate(MANY_LABELS)
        },
        "confusion": metrics.confusion_matrix(truth, predicted, labels=range(7)).tolist(),
        "labels": list(MANY_LABELS),
    }

    text = run("evaluate", model, data, "--views", 2).stdout
    assert text.startswith(f"top-1 {top1:.4f}, top-5 {top5:.4f} on 14 videos, 0 failed\n")


def test_evaluate_writes_a_report(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx", labels=MANY_LABELS)
    data = write_labelled(tmp_path / "data", {"f": 3, "b": 1})
    videos = sorted(data.rglob("*.mp4"))
    (answer,) = json_lines(run("evaluate", model, data, "--json", "--report", tmp_path / "report").stdout)
    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert {name: report[name] for name in answer} == answer
    assert (report["views"], report["crops"]) == (1, 1)
    assert report["top1_interval"] == list(wilson_interval(round(answer["top1"] * 4), 4))
    assert 0 < report["calibration"]["error"] < 1
    for picture in ("confusion.png", "mistakes.png"):
        with Image.open(tmp_path / "report" / picture) as opened:
            assert np.asarray(opened).std() > 5, f"{picture} is blank"
    with (tmp_path / "report" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    predicted = [VideoClassifier(model).predict(path).label for path in videos]
    assert [(row["video"], row["label"], row["predicted"], row["error"]) for row in rows] == [
        (str(path), path.parent.name, label, "") for path, label in zip(videos, predicted, strict=True)
    ]


def test_evaluate_counts_what_failed_and_scores_the_rest(model: Path, tmp_path: Path) -> None:
    data = write_labelled(tmp_path / "data", {"clap": 2, "wave": 1})
    broken = data / "wave" / "broken.mp4"
    broken.write_bytes(b"no video")
    result = run("evaluate", model, data, "--json", "--report", tmp_path / "report", code=1)
    (answer,) = json_lines(result.stdout)
    assert (answer["videos"], answer["failed"]) == (3, 1)
    assert answer["per_class"]["wave"]["videos"] == 1
    assert sum(map(sum, answer["confusion"])) == 3
    assert result.stderr.startswith(f"Error: {broken}: ")
    assert str(broken) in (tmp_path / "report" / "predictions.csv").read_text(encoding="utf-8")


def test_evaluate_reports_a_name_that_is_not_utf8(model: Path, tmp_path: Path) -> None:
    data = write_labelled(tmp_path / "data", {"clap": 1})
    Path(os.fsdecode(bytes(data) + b"/clap/\xff.mp4")).write_bytes(b"no video")
    result = run("evaluate", model, data, "--json", "--report", tmp_path / "report", code=1)
    (answer,) = json_lines(result.stdout)
    assert (answer["videos"], answer["failed"]) == (1, 1)
    with (tmp_path / "report" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        videos = [row["video"] for row in csv.DictReader(file)]
    assert sorted(videos) == [str(data / "clap" / "0.mp4"), str(data / "clap" / "\ufffd.mp4")]


def test_evaluate_answers_also_where_the_report_cannot_be_written(model: Path, tmp_path: Path) -> None:
    data = write_labelled(tmp_path / "data", {"clap": 1})
    (tmp_path / "file").write_bytes(b"")
    result = run("evaluate", model, data, "--json", "--report", tmp_path / "file" / "report", code=1)
    assert json_lines(result.stdout)[0]["videos"] == 1
    assert result.stderr.count("\n") == 1


def test_evaluate_without_one_readable_video_is_an_error(model: Path, tmp_path: Path) -> None:
    (tmp_path / "clap").mkdir()
    (tmp_path / "clap" / "broken.mp4").write_bytes(b"no video")
    result = run("evaluate", model, tmp_path, "--json", code=1)
    assert result.stdout == ""
    assert "not one of its 1 videos could be read" in result.stderr


def test_evaluate_refuses_a_folder_that_is_no_label(model: Path, tmp_path: Path) -> None:
    write_labelled(tmp_path, {"clap": 1, "Jump": 1})
    assert "'Jump' is not one of the model's labels" in run("evaluate", model, tmp_path, code=2).stderr


@pytest.mark.parametrize("name", ["gone", "empty"])
def test_evaluate_refuses_a_folder_without_videos(name: str, model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run("evaluate", model, tmp_path / name, code=2)
