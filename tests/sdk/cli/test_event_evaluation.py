"""`vidcls evaluate --events` on films whose events are known."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from commands import json_lines, run
from html_page import Page, check_self_contained
from motion import film, write_motion_model
from vidcls import VideoClassifier, steady_events
from vidcls.cli.event_scores import event_fields, event_lines
from vidcls.contract import ClipFingerprints
from vidcls.evaluation.event_metrics import DetectedEvent, TrueEvent, VideoEvents, false_alarms, score_events
from vidcls.evaluation.event_parts import score_events_apart
from vidcls.fingerprint import encode, fingerprint_of

SCRIPTS = {"first.avi": [("right", 4.0), ("up", 3.0), ("left", 4.0)], "second.avi": [("down", 5.0), ("right", 4.0)]}
DETECTED = DetectedEvent("fall", 10.5, 20, 0.9, 15)


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
    # Drawn again, all events are found again, which says nothing of other films.
    assert fields["intervals"]["recall"] is None
    assert set(fields["intervals"]) == set(scores.intervals)
    assert fields["intervals"]["false_alarms_per_hour"] == pytest.approx(
        scores.intervals["false_alarms_per_hour"], rel=1e-6
    )
    written = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert written == fields | {"crops": 1, "region": None}
    with (tmp_path / "report" / "events.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(video.detected) for video in videos.values())


def test_lines_of_videos_that_are_all_alike_promise_nothing_of_others() -> None:
    video = VideoEvents([TrueEvent("fall", 10, 20), TrueEvent("fall", 30, 40)], [DETECTED], 60.0)
    parts = score_events_apart([video] * 3, [None] * 3, ["fall"], says=False)
    _, shares, alarms, delay, _ = event_lines(parts, failed=0)
    assert shares == "F1 0.667, precision 1.000, recall 0.500 at tIoU 0.5"
    assert alarms.startswith("0.0 false alarms an hour (0.0 to 73.8 with 95 % confidence): ")
    assert delay == "5.0 s median detection delay"
    written = json.loads(json.dumps(event_fields(parts, failed=0, labels=["fall"])))["intervals"]
    assert written.pop("false_alarms_per_hour") == [0.0, pytest.approx(73.8, abs=0.1)]
    assert set(written.values()) == {None}


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


def test_wrong_use_is_one_sentence(
    films: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, folder, table = films
    result = run("evaluate", model, folder, "--events", table, "--views", 5, code=2)
    assert "leave --views out" in result.stderr
    labelled = table.read_text(encoding="utf-8")  # events.csv, which is what a report's list of events is called, too
    result = run("evaluate", model, folder, "--events", table, "--report", folder, code=2)
    assert f"would overwrite {table}, which is read; name another folder to write" in result.stderr
    assert table.read_text(encoding="utf-8") == labelled
    late = tmp_path / "late.csv"
    late.write_text("video,start,end,label\nsecond.avi,0,5,down\nfirst.avi,0,14,left\n", encoding="utf-8")
    searched: list[object] = []
    with monkeypatch.context() as watched:
        watched.setattr(VideoClassifier, "stream", lambda *given, **_: searched.append(given))
        result = run("evaluate", model, folder, "--events", late, code=2)
    assert not searched  # which may take hours
    assert "line 3: ends at 14 s, but first.avi is 11.00 s long" in result.stderr


def test_videos_that_the_model_knows_are_counted_apart(films: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """One stretch of the second film was trained on, cut as a file of its own; the first film is new."""
    _, folder, table = films
    known = film(tmp_path / "known.avi", [("down", 5.0)], rate=15)
    clips = ClipFingerprints(algorithm="dct-1", train=encode([fingerprint_of(known)]), val="")
    model = write_motion_model(tmp_path / "motion.onnx", clips=clips)
    (fields,) = json_lines(run("evaluate", model, folder, "--events", table, "--json").stdout)
    videos = expected(model, folder)
    labels = VideoClassifier(model, device="cpu").labels
    for part, name in ((fields, "first.avi"), (fields["trained_on"], "second.avi")):
        scores = score_events([videos[name]], labels)
        assert (part["videos"], part["f1"], part["recall"]) == (1, scores.f1, scores.recall)
    assert fields["chosen_by"] is None
    lines = run("evaluate", model, folder, "--events", table).stdout.splitlines()
    assert lines[0].endswith("of 1 videos that the model does not know, 0 failed")
    assert lines[-1].startswith("not counted: 1 videos that the model was trained on, F1 ")
    alone = tmp_path / "alone.csv"
    alone.write_text("video,start,end,label\nsecond.avi,0,5,down\nsecond.avi,5,9,right\n", encoding="utf-8")
    first, second = run("evaluate", model, folder, "--events", alone).stdout.splitlines()
    assert first == "the model knows all 1 videos: there are no figures of new ones; 0 failed"
    assert second.startswith("not counted: 1 videos")


def test_the_page_shows_what_is_true_what_was_found_and_what_was_false(
    films: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    model, folder, table = films
    run("evaluate", model, folder, "--events", table, "--decoder", "opencv", "--report", tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    check_self_contained(page)
    assert " --decoder opencv --report DIR" in page.text
    videos = expected(model, folder)
    false = [event for video in videos.values() for event in false_alarms(video)]
    assert [event.label for event in false] == ["up"]
    assert "4 of 4 events are found" in page.text
    assert text.count("<title>false: up,") == 1
    assert text.count("data-seconds=") == 1
    for video in videos.values():
        for event in video.truth:
            assert f"<title>{event.label}, {event.start:.1f} to {event.end:.1f} s</title>" in text
        for found in video.detected:
            assert f"<title>{found.label}, {found.start:.1f} to {found.end:.1f} s, {found.score:.2f}</title>" in text


def test_a_report_has_no_list_of_an_earlier_one_of_the_other_kind_and_spares_a_list_by_hand(
    films: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    model, folder, table = films
    clips, report = tmp_path / "clips" / "down", tmp_path / "report"
    clips.mkdir(parents=True)
    film(clips / "clip.avi", [("down", 2.0)], rate=15)
    lists = {"events.csv", "predictions.csv"}
    for arguments, written in (
        ([clips.parent], "predictions.csv"),
        ([folder, "--events", table], "events.csv"),
        ([clips.parent], "predictions.csv"),
    ):
        run("evaluate", model, *arguments, "--report", report)
        assert lists & {path.name for path in report.iterdir()} == {written}
    (report / "events.csv").write_text("video,start,end,label\nby hand\n", encoding="utf-8")
    run("evaluate", model, clips.parent, "--report", report)
    assert (report / "events.csv").read_text(encoding="utf-8") == "video,start,end,label\nby hand\n"
    (report / "predictions.csv").write_text("path,labels\nby hand\n", encoding="utf-8")
    (report / "events.csv").unlink()
    run("evaluate", model, folder, "--events", table, "--report", report)
    assert (report / "predictions.csv").read_text(encoding="utf-8") == "path,labels\nby hand\n"
