"""The figures of an evaluation of events, as `vidcls evaluate --events` prints them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vidcls.cli.columns import columns_of, padded
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls.evaluation.event_metrics import EventScores
    from vidcls.evaluation.event_parts import EventParts


def event_fields(parts: EventParts, *, failed: int, labels: Sequence[str]) -> dict[str, Any]:
    """The answer of --json: figures of new videos, and beside them those of videos that the model knows."""
    nothing = {"videos": 0, "hours": 0.0, "map": {}, "per_class": {}, "f1": None, "precision": None, "recall": None,
               "false_alarms_per_hour": None, "median_detection_delay": None, "intervals": {}}  # fmt: skip
    return {
        **(nothing if parts.new is None else _fields(parts.new)),
        "failed": failed,
        "labels": list(labels),
        "trained_on": parts.trained_on and _fields(parts.trained_on),
        "chosen_by": parts.chosen_by and _fields(parts.chosen_by),
    }


def event_lines(parts: EventParts, *, failed: int) -> Iterator[str]:
    """Line by line, for people."""
    if parts.new is None:
        known = sum(part.videos for part in (parts.trained_on, parts.chosen_by) if part is not None)
        yield f"the model knows all {known} videos: there are no figures of new ones; {failed} failed"
    else:
        kind = " that the model does not know" if parts.says else ""
        yield from _score_lines(parts.new, where=f"videos{kind}, {failed} failed")
        yield from _label_lines(parts.new)
    for part, how in ((parts.trained_on, "that the model was trained on"), (parts.chosen_by, "that it was chosen by")):
        if part is not None:
            yield (
                f"not counted: {part.videos} videos {how}, F1 {_number(part.f1)}, "
                f"{_number(part.false_alarms_per_hour, digits=1)} false alarms an hour"
            )


def _fields(scores: EventScores) -> dict[str, Any]:
    return {
        "videos": scores.videos,
        "hours": scores.hours,
        "map": {f"{tiou:g}": value for tiou, value in scores.mean_average_precision.items()},
        "per_class": {
            label: {
                "events": row.events,
                "detected": row.detected,
                "ap": {f"{tiou:g}": value for tiou, value in row.average_precision.items()},
                "precision": row.precision,
                "recall": row.recall,
                "f1": row.f1,
            }
            for label, row in scores.per_label.items()
        },
        "f1": scores.f1,
        "precision": scores.precision,
        "recall": scores.recall,
        "false_alarms_per_hour": scores.false_alarms_per_hour,
        "median_detection_delay": scores.median_detection_delay,
        "intervals": scores.intervals,
    }


def _score_lines(scores: EventScores, *, where: str) -> Iterator[str]:
    means = ", ".join(f"{_number(value)} at {tiou:g}" for tiou, value in scores.mean_average_precision.items())
    yield f"mAP by tIoU {means} on {scores.hours:.2f} hours of {scores.videos} {where}"
    yield (
        f"F1 {_number(scores.f1)}{_interval(scores, 'f1')}, precision {_number(scores.precision)}, "
        f"recall {_number(scores.recall)} at tIoU 0.5"
    )
    yield (
        f"{_number(scores.false_alarms_per_hour, digits=1)} false alarms an hour"
        f"{_interval(scores, 'false_alarms_per_hour', digits=1)}: events that overlap none of their label"
    )
    yield (
        f"{_number(scores.median_detection_delay, digits=1)} s median detection delay"
        f"{_interval(scores, 'median_detection_delay', digits=1)}"
    )


def _label_lines(scores: EventScores) -> Iterator[str]:
    width = max(columns_of(printable(label)) for label in scores.per_label)
    for label, row in scores.per_label.items():
        name = padded(printable(label), width)
        yield f"  {name}  F1 {_number(row.f1)}  {row.events:4} events, {row.detected:4} found"


def _number(value: float | None, *, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _interval(scores: EventScores, name: str, *, digits: int = 2) -> str:
    within = scores.intervals[name]
    if within is None:
        return ""
    low, high = within
    return f" ({low:.{digits}f} to {high:.{digits}f} with 95 % confidence)"
