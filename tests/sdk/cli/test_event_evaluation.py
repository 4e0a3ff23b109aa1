"""`vidcls evaluate --events` on films whose events are known."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from commands import json_lines, run
from motion import film, write_motion_model
from vidcls import VideoClassifier, steady_events
from vidcls.evaluation.event_metrics import DetectedEvent, TrueEvent, VideoEvents, score_events

SCRIPTS = {"first.avi": [("right", 4.0), ("up", 3.0), ("left", 4.0)], "second.avi": [("down", 5.0), ("right", 4.0)]}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The model, the folder and the CSV, which says nothing of what goes up."""
    folder = tmp_path_factory.mktemp("films")
    lines = ["video,start,end,label"]
    for name, script in SCRIPTS.items():
        film(folder / name, script, rate=15)
        at = 0.0
        for label, seconds in script:
            lines += [f"{name},{at},{at + seconds},{label}"] if label != "up" else []
            at += seconds
    (folder / "events.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return write_motion_model(folder / "motion.onnx"), folder, folder / "events.csv"


def expected(model: Path, folder: Path) -> dict[str, VideoEvents]:
    classifier, found = VideoClassifier(model, device="cpu"), {}
    for name, script in SCRIPTS.items():
        truth, at = [], 0.0
        for label, seconds in script:
            truth += [TrueEvent(label, at, at + seconds)] if label != "up" else []
            at += seconds
        with classifier.stream(folder / name, pace="fastest") as stream:
            events = [event for event in steady_events(stream) if event.end is not None]
        detected = [
            DetectedEvent(event.label, event.start, event.end or 0.0, event.score, event.start + event.detection_delay)
            for event in events
        ]
        found[name] = VideoEvents(truth, detected, at)
    return found


def test_events_of_films_are_scored(films: tuple[Path, Path, Path], tmp_path: Path) -> None:
    model, folder, table = films
    result = run("evaluate", model, folder, "--events", table, "--json", "--report", tmp_path / "report")
    (fields,) = json_lines(result.stdout)
    videos = expected(model, folder)
    scores = score_events(list(videos.values()), VideoClassifier(model, device="cpu").labels)
    assert fields["map"] == {f"{tiou:g}": value for tiou, value in scores.mean_average_precision.items()}
    for name in ("f1", "precision", "recall", "median_detection_delay"):
        assert fields[name] == getattr(scores, name)
    assert fields["false_alarms_per_hour"] == pytest.approx(scores.false_alarms_per_hour, rel=1e-6)
    assert (fields["videos"], fields["failed"]) == (2, 0)
    assert fields["hours"] == pytest.approx(20 / 3600, rel=1e-6)
    # Whatever moves up is found, and is not in the CSV.
    assert fields["per_class"]["up"]["events"] == 0
    assert fields["per_class"]["up"]["detected"] >= 1
    assert fields["recall"] == 1.0
    written = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert written == fields | {"crops": 1, "region": None}
    with (tmp_path / "report" / "events.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(video.detected) for video in videos.values())


def test_people_get_lines_and_a_broken_video_is_named_and_left_out(
    films: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    model, folder, table = films
    (tmp_path / "broken.avi").write_bytes(b"no video")
    more = tmp_path / "more.csv"
    more.write_text(table.read_text(encoding="utf-8") + "broken.avi,0,1,left\n", encoding="utf-8")
    result = run("evaluate", model, folder, "--events", more, code=1)
    assert "broken.avi" in result.stderr
    first, second, third, fourth, *labels = result.stdout.splitlines()
    assert first.startswith("mAP by tIoU ")
    assert first.endswith("of 2 videos, 1 failed")
    assert second.startswith("F1 ")
    assert "false alarms an hour" in third
    assert "median detection delay" in fourth
    assert [line.split()[0] for line in labels] == ["down", "left", "right", "up"]


def test_wrong_use_is_one_sentence(films: tuple[Path, Path, Path], tmp_path: Path) -> None:
    model, folder, table = films
    result = run("evaluate", model, folder, "--events", table, "--views", 5, code=2)
    assert "leave --views out" in result.stderr
    late = tmp_path / "late.csv"
    late.write_text("video,start,end,label\nfirst.avi,0,14,left\n", encoding="utf-8")
    result = run("evaluate", model, folder, "--events", late, code=2)
    assert "line 2: ends at 14 s, but first.avi is 11.00 s long" in result.stderr
