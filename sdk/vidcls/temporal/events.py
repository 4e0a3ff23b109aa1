"""Records -> events: steady enough to act upon, with a start, an end and a label.

Single answers flicker. Probabilities are smoothed over time; an event starts where its label's rises to one
threshold and ends where it falls below another, lower one, so that it does not flicker in between. Where a window is
not known, by the model's own rule, the probabilities of all labels count as 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from vidcls.errors import ArgumentError
from vidcls.temporal.event_finder import SMOOTHING_SECONDS, EventFinder, FoundEvent, finder_rule, label_scores
from vidcls.temporal.record import Record


@dataclass(frozen=True, kw_only=True, repr=False)
class Event:
    """Something that goes on for a while.

    Examples:
        >>> with VideoClassifier("model.onnx").stream("long.mp4", pace="fastest") as records:
        ...     events = [event for event in steady_events(records, enter_score=0.0, leave_score=0.0) if event.end]
        >>> all(event.start < event.end for event in events)
        True

    Attributes:
        start: media time: seconds after the stream's first frame, of a file by its own times at any pace.
        end: the same; None while it goes on.
        peak_score: the highest that the smoothed probability of the label has got so far, 0 to 1.
        mean_score: the mean of the smoothed probability in its windows so far, 0 to 1.
        detection_delay: seconds of the video from its start to the end of the window with which it was first handed
            out; the answer to that was as old as its record's lag_seconds on top.
        coverage: how much of its time so far was in a window that was answered, 0 to 1.
        start_time: start by this machine's clock, in UTC; at pace "fastest" it says when that was answered.
        end_time: as much later as end is later than start, so that a clock that is set meanwhile does not count.
    """

    label: str
    start: float
    end: float | None
    peak_score: float
    mean_score: float
    detection_delay: float
    coverage: float
    start_time: datetime
    end_time: datetime | None

    @property
    def state(self) -> Literal["provisional", "final"]:
        """Whether it goes on, so that its scores and coverage may change, or has ended.

        Examples:
            >>> with VideoClassifier("model.onnx").stream("long.mp4", pace="fastest") as records:
            ...     [event.state for event in steady_events(records, enter_score=0.0, leave_score=0.0)]
            ['provisional', 'final']
        """
        return "provisional" if self.end is None else "final"

    @property
    def score(self) -> float:
        """The same as peak_score.

        Examples:
            >>> with VideoClassifier("model.onnx").stream("long.mp4", pace="fastest") as records:
            ...     event = next(steady_events(records, enter_score=0.0, leave_score=0.0))
            >>> event.score == event.peak_score
            True
        """
        return self.peak_score

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON: `start` and `end` in media time, the others as ISO 8601 in UTC.

        Examples:
            >>> with VideoClassifier("model.onnx").stream("long.mp4", pace="fastest") as records:
            ...     event = next(steady_events(records, enter_score=0.0, leave_score=0.0))
            >>> list(event.to_dict())[:4]
            ['label', 'start', 'end', 'state']
        """
        return {
            "label": self.label,
            "start": self.start,
            "end": self.end,
            "state": self.state,
            "peak_score": self.peak_score,
            "mean_score": self.mean_score,
            "detection_delay": self.detection_delay,
            "coverage": self.coverage,
            "start_time": self.start_time.isoformat(timespec="milliseconds"),
            "end_time": None if self.end_time is None else self.end_time.isoformat(timespec="milliseconds"),
        }

    def __repr__(self) -> str:
        end = "None" if self.end is None else f"{self.end:.2f}"
        return (
            f"Event(label={self.label!r}, start={self.start:.2f}, end={end}, peak_score={self.peak_score:.4f}, "
            f"state={self.state!r})"
        )


def steady_events(
    records: Iterable[Record],
    *,
    smoothing_seconds: float = SMOOTHING_SECONDS,
    enter_score: float | None = None,
    leave_score: float | None = None,
    least_seconds: float | None = None,
) -> Iterator[Event]:
    """The events of a stream, each handed out twice: when it starts, with end None, and when it has ended.

    Examples:
        >>> with VideoClassifier("model.onnx").stream("long.mp4", pace="fastest") as records:
        ...     list(steady_events(records, enter_score=1.0))
        []

    Only one event goes on at a time; of a model whose labels may hold together, one of each label. Times are those
    of the middles of windows, since an answer is about the whole window; smoothing delays both borders. A gap in the
    stream ends an event, where the last window before it does, and so does the stream's end. That is known with the
    first record after the gap, and handed out before anything that this one brings.

    What is not given follows from the model's contract, `decision.events`, and is 0.6, 0.4 and 0 s where that has no
    rule. A label that has an operating point there begins at its probability, and ends in proportion.

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
    steps = EventSteps(
        smoothing_seconds=smoothing_seconds,
        enter_score=enter_score,
        leave_score=leave_score,
        least_seconds=least_seconds,
    )
    return _steady_events(records, steps)


def _check_scores(enter_score: float | None, leave_score: float | None) -> None:
    for name, score in (("enter_score", enter_score), ("leave_score", leave_score)):
        if score is not None and not 0 <= score <= 1:
            raise ArgumentError(f"{name} is {score}, expected from 0 to 1")
    if enter_score is not None and leave_score is not None and leave_score > enter_score:
        raise ArgumentError(f"leave_score is {leave_score}, expected at most enter_score, which is {enter_score}")


def _steady_events(records: Iterable[Record], steps: EventSteps) -> Iterator[Event]:
    for record in records:
        yield from steps.add(record)
    yield from steps.finish()


class EventSteps:
    """`steady_events` for whoever is handed the records of a stream one by one, beside those of others.

    Raises:
        ValueError: a score or a time is out of its range.
    """

    def __init__(
        self,
        *,
        smoothing_seconds: float = SMOOTHING_SECONDS,
        enter_score: float | None = None,
        leave_score: float | None = None,
        least_seconds: float | None = None,
    ) -> None:
        _check_scores(enter_score, leave_score)
        for name, seconds in (("smoothing_seconds", smoothing_seconds), ("least_seconds", least_seconds)):
            if seconds is not None and not 0 <= seconds < math.inf:
                raise ArgumentError(f"{name} is {seconds}, expected 0 seconds or more")
        self._smoothing_seconds = smoothing_seconds
        self._enter_score, self._leave_score, self._least_seconds = enter_score, leave_score, least_seconds
        self._finder: EventFinder | None = None
        self._last: Record | None = None
        self._start_times: dict[int, datetime] = {}  # by class id, of the events that go on

    def add(self, record: Record) -> Iterator[Event]:
        """The events that begin or end with the stream's next record."""
        labels, decision = record.prediction.labels, record.prediction.decision
        if self._finder is None:
            rule = finder_rule(
                labels,
                decision,
                enter_score=self._enter_score,
                leave_score=self._leave_score,
                least_seconds=self._least_seconds,
                smoothing_seconds=self._smoothing_seconds,
            )
            self._finder = EventFinder(rule)
        if record.gap_seconds > 0:
            yield from self.finish()
        scores = label_scores(record.prediction.logits, labels, decision)
        for found in self._finder.add(scores, window=record.window, gap_seconds=record.gap_seconds):
            yield _event(found, record, self._start_times)
        self._last = record

    def finish(self) -> Iterator[Event]:
        """End the events that go on, where the last record does."""
        if self._finder is not None and self._last is not None:
            yield from (_event(found, self._last, self._start_times) for found in self._finder.finish())


def _event(found: FoundEvent, record: Record, start_times: dict[int, datetime]) -> Event:
    """The event; its start by the clock of the record with which it was handed out first.

    Its end by that of another would be an hour before its start, where the clock is set back in between; and what is
    known of how late frames are changes meanwhile too. Media time keeps the clock's pace.
    """
    if found.end is None:
        start_times[found.class_id] = _clock_time(record, at=found.start)
    start_time = start_times[found.class_id]
    return Event(
        label=record.prediction.labels[found.class_id],
        start=found.start,
        end=found.end,
        peak_score=found.peak_score,
        mean_score=found.mean_score,
        detection_delay=found.detection_delay,
        coverage=found.coverage,
        start_time=start_time,
        end_time=None if found.end is None else start_time + timedelta(seconds=found.end - found.start),
    )


def _clock_time(record: Record, *, at: float) -> datetime:
    """This machine's time at `at` seconds after the stream's first frame."""
    return record.time - timedelta(seconds=record.window[1] - at)
