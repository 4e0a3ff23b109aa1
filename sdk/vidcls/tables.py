"""Answers -> rows of plain values, for pandas, Polars, a database or a CSV file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vidcls.errors import VideoError
from vidcls.prediction import Prediction
from vidcls.temporal.events import Event
from vidcls.temporal.record import Record
from vidcls.temporal.timeline import Segment, csv_line

Result = Prediction | VideoError | Record | Segment | Event
Row = dict[str, Any]

# Between the labels that a video shows, where they may hold together.
SEPARATOR = "|"

_PREDICTED = ("video", "label", "score", "known", "labels_present", "start", "end")
_MEASURED = ("decoded_share", "device", "decode_ms", "preprocess_ms", "inference_ms", "total_ms")
PREDICTION_COLUMNS = (*_PREDICTED, *_MEASURED, "error")
_SCORES = ("state", "peak_score", "mean_score", "detection_delay", "coverage", "start_time", "end_time")
_DELIVERY = ("time", "lag_seconds", "dropped_frames", "dropped_windows", "gap_seconds", "repeated")
# Of no answers, which cannot say them themselves.
_COLUMNS: dict[type[Result], tuple[str, ...]] = {
    Prediction: PREDICTION_COLUMNS,
    VideoError: PREDICTION_COLUMNS,
    Record: ("label", "score", "known", "labels_present", "start", "end", *_DELIVERY),
    Segment: ("start", "end", "label", "score"),
    Event: ("label", "start", "end", *_SCORES),
}


def to_rows(results: Iterable[Result]) -> list[Row]:
    """A row of plain values for each answer, all with the same columns: `pandas.DataFrame(to_rows(results))`.

    Of predictions the columns are `video`, `label`, `score`, `known`, `labels_present` (joined by "|"), `start` and
    `end` of the first and the last window in seconds, `decoded_share`, `device`, `decode_ms`, `preprocess_ms`,
    `inference_ms`, `total_ms`, and `error`: what a video failed with, None where it did not. Segments and events have
    those of their `to_dict`; records the same but `start` and `end` for the window, and no prediction. What an answer
    does not have is None.

    Examples:
        >>> rows = to_rows(VideoClassifier("model.onnx").predict_many(["clip.avi", "gone.avi"]))
        >>> [row["video"] for row in rows], rows[0]["error"], rows[1]["error"]
        (['clip.avi', 'gone.avi'], None, 'gone.avi: there is no such file')
        >>> to_rows([Segment(start=0.0, end=2.5, label="jump", score=0.93)])
        [{'start': 0.0, 'end': 2.5, 'label': 'jump', 'score': 0.93}]

    Args:
        results: predictions (with the VideoErrors of `predict_many` among them), records, segments or events, also
            from a generator.

    Raises:
        TypeError: something else is among them.
    """
    if isinstance(results, Prediction | VideoError | Record | Segment | Event):
        kind = type(results).__name__
        raise TypeError(f"results is one {kind}, expected several in a list or another iterable; write [result]")
    rows = [_row(result) for result in results]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return [{name: row.get(name) for name in columns} for row in rows]


def to_csv(results: Iterable[Result], *, of: type[Result] = Prediction) -> str:
    r"""The same as the text of a CSV file: a line with the columns, then a line for each answer; None is empty.

    A text that a spreadsheet would run as a formula gets an apostrophe before it. Of no answers it is the line with the
    columns alone.

    Examples:
        >>> print(to_csv([Segment(start=0.0, end=2.5, label="jump, twice", score=0.93)]))
        start,end,label,score
        0.0,2.5,"jump, twice",0.93
        <BLANKLINE>
        >>> print(to_csv([], of=Segment))
        start,end,label,score
        <BLANKLINE>
        >>> from pathlib import Path
        >>> results = VideoClassifier("model.onnx").timeline("long.mp4")
        >>> Path("long.csv").write_text(to_csv(results), encoding="utf-8") > 40
        True

    Args:
        results: as for `to_rows`.
        of: the class of the answers, such as Event, which says the columns where there are none.

    Raises:
        TypeError: as for `to_rows`.
    """
    rows = to_rows(results)
    columns = list(rows[0]) if rows else list(_COLUMNS[of])
    return "".join(f"{csv_line(cells)}\n" for cells in [columns, *(row.values() for row in rows)])


def _row(result: Result) -> Row:
    if isinstance(result, Prediction):
        return _prediction_row(result)
    if isinstance(result, VideoError):
        return dict.fromkeys(PREDICTION_COLUMNS) | {"video": result.path, "error": str(result)}
    if isinstance(result, Record):
        return _record_row(result)
    if isinstance(result, Segment | Event):
        return result.to_dict()
    raise TypeError(
        f"results holds a {type(result).__name__}, expected predictions, video errors, records, segments or events"
    )


def _prediction_row(prediction: Prediction) -> Row:
    windows, spent = prediction.windows, prediction.timing_ms
    return {
        "video": prediction.video,
        "label": prediction.label,
        "score": prediction.score,
        "known": prediction.known,
        "labels_present": SEPARATOR.join(prediction.labels_present),
        "start": windows[0][0] if windows else None,
        "end": windows[-1][1] if windows else None,
        "decoded_share": prediction.decoded_share,
        "device": prediction.device,
        **{f"{stage}_ms": spent.get(stage) for stage in ("decode", "preprocess", "inference", "total")},
        "error": None,
    }


def _record_row(record: Record) -> Row:
    fields = record.to_dict()
    start, end = fields["window"]
    left_out = ("label", "score", "known", "window", "prediction")
    return {
        "label": record.label,
        "score": record.score,
        "known": record.known,
        "labels_present": SEPARATOR.join(record.prediction.labels_present),
        "start": start,
        "end": end,
        **{name: value for name, value in fields.items() if name not in left_out},
    }
