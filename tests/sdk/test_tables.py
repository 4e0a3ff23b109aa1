"""Answers as rows of plain values, read back by pandas and the csv module."""

from __future__ import annotations

import csv
import io
import json
import pickle
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from answered import answered
from generated import write_clip, write_model
from motion import film, write_motion_model
from vidcls import Event, Prediction, Record, Segment, VideoClassifier, VideoError, steady_events, to_csv, to_rows
from vidcls.contract import NEUTRAL

SCRIPT = [("right", 4.0), ("up", 2.5), ("left", 3.5)]
CLIP_SECONDS = 1.0
SIGMOID = replace(NEUTRAL, activation="sigmoid")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> VideoClassifier:
    model = write_motion_model(tmp_path_factory.mktemp("motion") / "motion.onnx", clip_seconds=CLIP_SECONDS)
    return VideoClassifier(model, device="cpu")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("video") / "video.avi", SCRIPT, rate=15)


@pytest.fixture(scope="module")
def records(classifier: VideoClassifier, video: Path) -> list[Record]:
    with classifier.stream(video, pace="fastest") as stream:
        return list(stream)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Prediction | VideoError]:
    """Of two videos and of one that is not there, between them."""
    folder = tmp_path_factory.mktemp("videos")
    write_clip(folder / "a.mp4", frames=40)
    write_clip(folder / "b.mp4", frames=60)
    videos = [folder / name for name in ("a.mp4", "gone.mp4", "b.mp4")]
    return list(VideoClassifier(write_model(folder / "model.onnx"), device="cpu").predict_many(videos))


def plain(rows: list[dict[str, Any]]) -> bool:
    return all(value is None or type(value) in (str, float, int, bool) for row in rows for value in row.values())


def test_predictions_and_what_failed_are_rows_of_one_table(answers: list[Prediction | VideoError]) -> None:
    rows = to_rows(iter(answers))
    first, gone, _ = answers
    assert isinstance(first, Prediction)
    assert isinstance(gone, VideoError)
    assert [Path(row["video"]).name for row in rows] == ["a.mp4", "gone.mp4", "b.mp4"]
    assert [row["error"] for row in rows] == [None, str(gone), None]
    assert {name for name, value in rows[1].items() if value is not None} == {"video", "error"}
    assert (rows[0]["label"], rows[0]["score"], rows[0]["known"]) == (first.label, first.score, True)
    assert [(rows[0]["start"], rows[0]["end"])] == first.windows
    assert rows[0]["total_ms"] == first.timing_ms["total"]
    assert plain(rows)


def test_pandas_takes_the_rows_of_every_kind(
    answers: list[Prediction | VideoError], records: list[Record], classifier: VideoClassifier, video: Path
) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(to_rows(answers))
    assert len(table) == 3
    assert table.error.notna().tolist() == [False, True, False]
    assert table.score.dtype == float
    assert table[table.error.isna()].groupby("label").size().sum() == 2
    segments = pandas.DataFrame(to_rows(classifier.timeline(video)))
    assert (segments.end - segments.start).sum() == pytest.approx(10.0)
    events = pandas.DataFrame(to_rows(steady_events(records)))
    assert set(events.state) == {"provisional", "final"}
    assert pandas.DataFrame(to_rows(records)).start.is_monotonic_increasing
    assert pandas.DataFrame(to_rows([])).empty


def test_every_kind_is_ready_for_json(
    answers: list[Prediction | VideoError], records: list[Record], classifier: VideoClassifier, video: Path
) -> None:
    events = list(steady_events(records))
    segments = classifier.timeline(video)
    predictions = [answer for answer in answers if isinstance(answer, Prediction)]
    results: list[Event | Segment | Record | Prediction] = [*events, *segments, *records, *predictions]
    for fields in (result.to_dict() for result in results):
        assert json.loads(json.dumps(fields)) == fields
    for rows in (to_rows(events), to_rows(segments), to_rows(records)):
        assert plain(rows)
        assert json.loads(json.dumps(rows)) == rows
    assert predictions[0].to_dict()["video"] == predictions[0].video
    assert datetime.fromisoformat(events[0].to_dict()["start_time"]).utcoffset() is not None
    assert "picture" not in records[0].to_dict()


def test_events_and_records_have_media_time_and_not_the_clocks(records: list[Record]) -> None:
    """The film was read in a moment: what its own times say stands in the rows, within half a window of its script."""
    rows = [row for row in to_rows(steady_events(records, smoothing_seconds=0.0)) if row["state"] == "final"]
    borders = [0.0, 4.0, 6.5, 10.0]
    assert [row["label"] for row in rows] == ["right", "up", "left"]
    assert [row["start"] for row in rows] == pytest.approx(borders[:-1], abs=CLIP_SECONDS / 2)
    assert [row["end"] for row in rows] == pytest.approx(borders[1:], abs=CLIP_SECONDS / 2)
    assert [(row["start"], row["end"]) for row in to_rows(records)] == [record.window for record in records]


def test_a_csv_file_reads_back_as_the_rows(answers: list[Prediction | VideoError]) -> None:
    rows = to_rows(answers)
    found = list(csv.DictReader(io.StringIO(to_csv(answers))))
    assert found == [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]


def test_of_no_answers_the_columns_are_those_of_some(
    answers: list[Prediction | VideoError], records: list[Record], classifier: VideoClassifier, video: Path
) -> None:
    assert to_csv([]) == to_csv(answers).partition("\n")[0] + "\n"
    some: dict[type, list[Any]] = {
        Prediction: answers[:1],
        VideoError: answers[1:2],
        Record: records,
        Segment: list(classifier.timeline(video)),
        Event: list(steady_events(records, smoothing_seconds=0.0)),
    }
    for kind, results in some.items():
        assert all(isinstance(result, kind) for result in results)
        assert to_csv([], of=kind) == to_csv(results).partition("\n")[0] + "\n"


@pytest.mark.parametrize("name", ["a\rb.avi", "a\nb.avi", "a\r\nb.avi", 'a","b.avi'])
def test_a_line_break_in_a_name_ends_no_row(name: str) -> None:
    text = to_csv([VideoError(name, "is gone"), VideoError("next.avi", "is gone")])
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["video"] for row in rows] == [name, "next.avi"]
    table = pytest.importorskip("pandas").read_csv(io.StringIO(text, newline=""))
    assert table["video"].tolist() == [name, "next.avi"]


def test_commas_quotes_other_scripts_and_formulas_keep_their_cell() -> None:
    labels = ['jump, "twice"', "옷 입는 중", "=1+1", None]
    segments = [Segment(start=0.0, end=1.0, label=label, score=0.5) for label in labels]
    found = csv.DictReader(io.StringIO(to_csv(segments)))
    assert [row["label"] for row in found] == ['jump, "twice"', "옷 입는 중", "'=1+1", ""]


def test_labels_that_hold_together_stand_in_one_cell() -> None:
    several = answered([[0.9, 0.2, 0.8], [0.1, 0.2, 0.3]], labels=("a", "b", "c"), decision=SIGMOID)
    assert [row["labels_present"] for row in to_rows(several)] == ["a|c", ""]
    assert [row["labels_present"] for row in to_rows([record.prediction for record in several])] == ["a|c", ""]


def test_kinds_may_be_mixed() -> None:
    segment = Segment(start=0.0, end=1.0, label="a", score=0.5)
    first, second = to_rows([segment, VideoError("gone.avi", "there is no such file")])
    assert list(first) == list(second)
    assert (first["error"], second["error"]) == (None, "gone.avi: there is no such file")


def test_something_else_is_refused_with_what_is_taken(records: list[Record]) -> None:
    with pytest.raises(TypeError, match=r"results is one Prediction, expected several .*; write \[result\]"):
        to_rows(records[0].prediction)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="results holds a str, expected predictions, video errors, records, segments"):
        to_rows("a.avi")  # type: ignore[arg-type]


def test_texts_are_one_short_line(records: list[Record]) -> None:
    events = list(steady_events(records))
    assert repr(events[0]).endswith("state='provisional')")
    assert ", end=None, " in repr(events[0])
    for result in (records[0], *events, Segment(start=0.0, end=2.0 / 3, label="a\nb", score=1 / 3)):
        assert "\n" not in repr(result)
        assert len(repr(result)) < 120
    assert repr(Segment(start=0, end=2 / 3, label=None, score=1 / 3)) == (
        "Segment(start=0.00, end=0.67, label=None, score=0.3333)"
    )
    assert repr(records[0]) == (f"Record(label='right', score={records[0].score:.4f}, known=True, window=(0.00, 1.00))")


def test_results_travel_to_other_processes(records: list[Record]) -> None:
    events = list(steady_events(records))
    assert pickle.loads(pickle.dumps(events)) == events  # noqa: S301 - made here
    assert isinstance(events[0], Event)
    assert len(pickle.dumps(records[0].prediction)) < 2000  # no frames in it
