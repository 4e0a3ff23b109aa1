"""What is known of one camera: the newest answer, counts since the start, and ten minutes of probabilities."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any, Literal, TypeAlias

from vidcls.temporal.record import Record

PictureState: TypeAlias = Literal["ok", "black", "frozen"]

HISTORY_SECONDS = 600.0
# At most two points a second: a phone's screen shows no more of ten minutes.
POINT_SECONDS = 0.5
RATE_SECONDS = 10.0
TOP = 5
# Upper bounds in seconds of the histograms' buckets; the last one has none.
LAG_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, math.inf)
INFERENCE_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, math.inf)
# Window ends by which the rate is computed, at most: 25 a second over RATE_SECONDS.
_MAX_ENDS = 250


@dataclass
class Histogram:
    """How many values lie below each bound, and their sum."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * len(self.bounds)

    def add(self, value: float) -> None:
        """Count one more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy(self) -> Histogram:
        """Another one with the same counts."""
        other = Histogram(self.bounds, total=self.total)
        other.counts = list(self.counts)
        return other

    def cumulative(self) -> list[tuple[str, int]]:
        """(bound, how many lie at or below it), as Prometheus has it."""
        names = ["+Inf" if math.isinf(bound) else str(bound) for bound in self.bounds]
        return list(zip(names, accumulate(self.counts), strict=True))


@dataclass(frozen=True, kw_only=True)
class Counters:
    """Sums since the start, and the newest values, of one camera.

    gaps, gap_seconds: interruptions, because the source was lost or its own times jumped, and how long they were.
    lag_seconds: NaN before the first answer. events: finished ones by label.
    """

    connected: bool
    windows: int
    dropped_windows: int
    dropped_frames: int
    gaps: int
    gap_seconds: float
    lag_seconds: float
    lags: Histogram
    inference: Histogram
    events: dict[str, int]


@dataclass(frozen=True)
class Point:
    """What the model said at one moment, and the most probable labels with their probabilities.

    at: seconds since 1970, by the machine's clock, which may be set. seconds: since the start, which only go on.
    """

    at: float
    seconds: float
    top: tuple[tuple[str, float], ...]

    def to_list(self) -> list[Any]:
        """[at, {label: probability}], as the page takes it."""
        return [round(self.at, 2), {label: round(score, 4) for label, score in self.top}]


class CameraFacts:
    """Not thread-safe: the board's lock is around it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.record: Record | None = None
        self.connected = self.was_connected = False
        self.picture_state: PictureState = "ok"
        self._events: dict[str, int] = {}
        self._windows = self._dropped_windows = self._dropped_frames = self._gaps = 0
        self._gap_seconds = 0.0
        self._lags, self._inference = Histogram(LAG_BOUNDS), Histogram(INFERENCE_BOUNDS)
        self._ends: deque[float] = deque(maxlen=_MAX_ENDS)  # of the newest answers, in seconds since the start
        self._points: deque[Point] = deque(maxlen=int(HISTORY_SECONDS / POINT_SECONDS) + 1)

    def put_record(self, record: Record, *, now: float) -> None:
        """Take in an answer that came at `now`, in seconds since the start; its camera may be lost meanwhile."""
        self.record = record
        self.was_connected = True
        self._windows += 1
        self._dropped_windows += record.dropped_windows
        self._dropped_frames += record.dropped_frames
        self._gaps += record.gap_seconds > 0
        self._gap_seconds += record.gap_seconds
        self._lags.add(record.lag_seconds)
        self._inference.add(record.prediction.timing_ms.get("inference", 0.0) / 1000)
        self._ends.append(now)
        self._put_point(record, seconds=now - record.lag_seconds)

    def put_connected(self, connected: bool) -> None:
        """Say whether pictures come in."""
        self.connected = connected
        self.was_connected |= connected

    def count_event(self, label: str) -> None:
        """One more has ended."""
        self._events[label] = self._events.get(label, 0) + 1

    def history(self) -> dict[str, list[Any]]:
        """The last ten minutes, oldest first: points, and when they were, in seconds since the start."""
        return {
            "points": [point.to_list() for point in self._points],
            "seconds": [round(point.seconds, 2) for point in self._points],
        }

    def counters(self) -> Counters:
        """Sums and newest values."""
        return Counters(
            connected=self.connected,
            windows=self._windows,
            dropped_windows=self._dropped_windows,
            dropped_frames=self._dropped_frames,
            gaps=self._gaps,
            gap_seconds=self._gap_seconds,
            lag_seconds=math.nan if self.record is None else self.record.lag_seconds,
            lags=self._lags.copy(),
            inference=self._inference.copy(),
            events=dict(self._events),
        )

    def state(self, *, now: float) -> dict[str, object]:
        """What is known, JSON-ready; of an answer there is None before the first."""
        return {
            "name": self.name,
            "connected": self.connected,
            "was_connected": self.was_connected,
            "picture_state": self.picture_state,
            "windows": self._windows,
            "dropped_windows": self._dropped_windows,
            "dropped_frames": self._dropped_frames,
            "gaps": self._gaps,
            "gap_seconds": round(self._gap_seconds, 1),
            "records_per_second": round(self._rate(now), 2),
            "answer": None if self.record is None else _answer(self.record),
            "point": self._points[-1].to_list() if self._points else None,
            "point_seconds": round(self._points[-1].seconds, 2) if self._points else None,
        }

    def _rate(self, now: float) -> float:
        newest = [end for end in self._ends if end > now - RATE_SECONDS]
        if len(newest) < 2:
            return len(newest) / RATE_SECONDS
        return (len(newest) - 1) / max(now - newest[0], 1e-3)

    def _put_point(self, record: Record, *, seconds: float) -> None:
        if self._points and abs(seconds - self._points[-1].seconds) < POINT_SECONDS:
            return
        self._points.append(Point(_epoch(record.time), seconds, tuple(record.prediction.top(TOP))))
        while self._points[0].seconds < seconds - HISTORY_SECONDS:
            self._points.popleft()


def _answer(record: Record) -> dict[str, object]:
    return {
        "time": record.time.isoformat(timespec="milliseconds"),
        "label": record.label,
        "score": round(record.score, 4),
        "known": record.known,
        "labels_present": list(record.prediction.labels_present),
        "top": [[label, round(score, 4)] for label, score in record.prediction.top(TOP)],
        "lag_seconds": round(record.lag_seconds, 3),
        "inference_ms": round(record.prediction.timing_ms.get("inference", 0.0), 1),
    }


def _epoch(time: datetime) -> float:
    return time.timestamp()
