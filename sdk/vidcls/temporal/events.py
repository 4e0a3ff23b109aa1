"""Records -> events: steady enough to act upon, with a start, an end and a label.

Single answers flicker. Probabilities are smoothed over time; an event starts where its label's rises to one
threshold and ends where it falls below another, lower one, so that it does not flicker in between.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vidcls.errors import ArgumentError
from vidcls.temporal.record import Record


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that goes on for a while.

    Examples:
        >>> with VideoClassifier("model.onnx").stream("long.mp4", pace="fastest") as records:
        ...     events = [event for event in steady_events(records, enter_score=0.0, leave_score=0.0) if event.end]
        >>> all(event.start < event.end for event in events)
        True

    Attributes:
        start: seconds after the stream's first frame.
        end: the same; None while it goes on.
        score: the highest that the smoothed probability of the label has got so far.
        start_time, end_time: start and end by this machine's clock, in UTC; at pace "fastest" they say
            when it was answered.
    """

    label: str
    start: float
    end: float | None
    score: float
    start_time: datetime
    end_time: datetime | None


def steady_events(
    records: Iterable[Record],
    *,
    smoothing_seconds: float = 1.0,
    enter_score: float = 0.6,
    leave_score: float = 0.4,
    least_seconds: float = 0.0,
) -> Iterator[Event]:
    """The events of a stream, each handed out twice: when it starts, with end None, and when it has ended.

    Examples:
        >>> with VideoClassifier("model.onnx").stream("long.mp4", pace="fastest") as records:
        ...     list(steady_events(records, enter_score=1.0))
        []

    Only one event goes on at a time. Times are those of the middles of windows, since an answer is about
    the whole window; smoothing delays both borders. A gap in the stream ends an event, and so does the
    stream's end.

    Args:
        records: a stream, or anything that yields its records.
        smoothing_seconds: how long it takes a changed answer to make up 63 % of the smoothed one; 0 is none.
        enter_score: a label's smoothed probability at which its event may start.
        leave_score: the one below which it ends, at most enter_score.
        least_seconds: for how long the label has to hold the first before its event is believed; the
            event then starts at the beginning of that time.

    Raises:
        ValueError: a score or a time is out of its range.
    """
    if not 0 <= leave_score <= enter_score <= 1:
        raise ArgumentError(
            f"leave_score is {leave_score} and enter_score {enter_score}, expected 0 <= leave_score <= enter_score <= 1"
        )
    for name, seconds in (("smoothing_seconds", smoothing_seconds), ("least_seconds", least_seconds)):
        if not 0 <= seconds < math.inf:
            raise ArgumentError(f"{name} is {seconds}, expected 0 seconds or more")
    return _steady_events(
        records, smoothing=smoothing_seconds, enter=enter_score, leave=leave_score, least_seconds=least_seconds
    )


def _steady_events(
    records: Iterable[Record], *, smoothing: float, enter: float, leave: float, least_seconds: float
) -> Iterator[Event]:
    event: Event | None = None  # that goes on, or that was not handed out yet
    is_given = False
    last: Record | None = None
    for record in records:
        if last is None or record.gap_seconds > 0:
            if event is not None and is_given and last is not None:
                yield _ended(event, last, at=last.window[1])
            event, at = None, record.window[0]
            smoothed = record.prediction.probabilities
        else:
            at = sum(record.window) / 2
            share = 1 - math.exp(-(at - sum(last.window) / 2) / smoothing) if smoothing > 0 else 1.0
            smoothed = smoothed + share * (record.prediction.probabilities - smoothed)
        last = record
        if event is not None:
            score = float(smoothed[record.prediction.labels.index(event.label)])
            if score < (leave if is_given else enter):
                if is_given:
                    yield _ended(event, record, at=at)
                event = None
            else:
                event = replace(event, score=max(score, event.score))
        best = int(smoothed.argmax())
        if event is None and smoothed[best] >= enter:
            label, score = record.prediction.labels[best], float(smoothed[best])
            start_time = _clock_time(record, at=at)
            event = Event(label=label, start=at, end=None, score=score, start_time=start_time, end_time=None)
            is_given = False
        if event is not None and not is_given and at - event.start >= least_seconds:
            is_given = True
            yield event
    if event is not None and is_given and last is not None:
        yield _ended(event, last, at=last.window[1])


def _ended(event: Event, record: Record, *, at: float) -> Event:
    return replace(event, end=at, end_time=_clock_time(record, at=at))


def _clock_time(record: Record, *, at: float) -> datetime:
    """This machine's time at `at` seconds after the stream's first frame."""
    return record.time - timedelta(seconds=record.window[1] - at)
