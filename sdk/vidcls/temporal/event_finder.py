"""Scores of windows -> events, in seconds and class ids: `vidcls.temporal.events` without records and clocks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from vidcls.contract import Decision
from vidcls.decision import known, label_columns, probabilities

# When an event begins and ends where the model's contract does not say.
ENTER_SCORE, LEAVE_SCORE = 0.6, 0.4

SMOOTHING_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class FinderRule:
    """When events begin and end.

    on, off: float64 [labels], the smoothed score from which an event begins, and the one below which it ends.
    at_once: whether one label's event goes on at a time, or each label's by itself.
    """

    on: npt.NDArray[np.float64]
    off: npt.NDArray[np.float64]
    least_seconds: float
    smoothing_seconds: float
    at_once: Literal["one", "each"]


@dataclass(frozen=True, kw_only=True)
class FoundEvent:
    """An event: `vidcls.Event` by class id, in seconds alone."""

    class_id: int
    start: float
    end: float | None
    peak_score: float
    mean_score: float
    detection_delay: float
    coverage: float


def finder_rule(
    labels: tuple[str, ...],
    decision: Decision,
    *,
    enter_score: float | None = None,
    leave_score: float | None = None,
    least_seconds: float | None = None,
    smoothing_seconds: float = SMOOTHING_SECONDS,
) -> FinderRule:
    """What is given, and for the rest the model's own rule, or where it has none 0.6, 0.4 and 0 s.

    A label with an operating point begins at that, and ends at the rule's off / on times it.
    """
    events = decision.events
    on, off = (ENTER_SCORE, LEAVE_SCORE) if events is None else (events.on, events.off)
    points = (decision.operating_points or {}) if enter_score is None else {}
    default = on if enter_score is None else enter_score
    chosen = [points.get(label) for label in labels]
    begins = np.array([default if point is None else point.probability for point in chosen])
    if leave_score is not None:
        begins, ends = np.maximum(begins, leave_score), np.full(len(labels), leave_score)
    elif enter_score is not None:
        ends = np.full(len(labels), min(off, enter_score))
    else:
        ends = begins * (off / on) if on > 0 else np.zeros(len(labels))
    least = least_seconds if least_seconds is not None else 0.0 if events is None else events.min_seconds
    return FinderRule(
        on=begins,
        off=ends,
        least_seconds=least,
        smoothing_seconds=smoothing_seconds,
        at_once="one" if decision.activation == "softmax" else "each",
    )


def label_scores(
    logits: npt.NDArray[np.floating], labels: tuple[str, ...], decision: Decision
) -> npt.NDArray[np.float64]:
    """What counts for events, float64 [..., labels]: calibrated probabilities, 0 of all labels where it is not known.

    The none label's is always 0.
    """
    found, columns = np.zeros(logits.shape), label_columns(labels, decision)
    found[..., columns] = probabilities(logits, decision)[..., columns]
    return found * known(logits, labels, decision)[..., None]


@dataclass
class _Going:
    """An event that goes on; `delay` once it was handed out."""

    class_id: int
    start: float
    peak: float = 0.0
    total: float = 0.0
    windows: int = 0
    uncovered: float = 0.0
    delay: float | None = None

    def take(self, score: float) -> None:
        self.peak, self.total, self.windows = max(self.peak, score), self.total + score, self.windows + 1

    def event(self, *, until: float) -> FoundEvent:
        """As it is now, without an end, if no time after `until` was answered."""
        seconds = until - self.start
        return FoundEvent(
            class_id=self.class_id,
            start=self.start,
            end=None,
            peak_score=self.peak,
            mean_score=self.total / self.windows,
            detection_delay=0.0 if self.delay is None else self.delay,
            coverage=1 - min(1.0, self.uncovered / seconds) if seconds > 0 else 1.0,
        )

    def ended(self, at: float) -> FoundEvent:
        return replace(self.event(until=at), end=at)


class EventFinder:
    """Takes the windows of a stream one by one; hands out each event when it begins and when it has ended."""

    def __init__(self, rule: FinderRule) -> None:
        self._rule = rule
        self._going: list[_Going] = []
        self._last: tuple[float, float] | None = None
        self._answered_until = 0.0
        self._smoothed: npt.NDArray[np.float64] = np.zeros(len(rule.on))

    def add(
        self, scores: npt.NDArray[np.float64], *, window: tuple[float, float], gap_seconds: float = 0.0
    ) -> Iterator[FoundEvent]:
        """Take the next window, (start, end) in seconds, and its scores, float64 [labels]."""
        if self._last is None or gap_seconds > 0:
            yield from self.finish()
            at, self._smoothed, self._answered_until = window[0], scores, window[0]
        else:
            at = sum(window) / 2
            smoothing, passed = self._rule.smoothing_seconds, at - sum(self._last) / 2
            share = 1 - math.exp(-passed / smoothing) if smoothing > 0 else 1.0
            self._smoothed = self._smoothed + share * (scores - self._smoothed)
        uncovered = max(0.0, window[0] - self._answered_until)
        self._last, self._answered_until = window, max(self._answered_until, window[1])
        yield from self._go_on(at, uncovered=uncovered)
        self._begin(at)
        for going in self._going:
            if going.delay is None and at - going.start >= self._rule.least_seconds:
                going.delay = window[1] - going.start
                yield going.event(until=window[1])

    def finish(self) -> Iterator[FoundEvent]:
        """End what goes on, where the last window does."""
        ended, self._going = self._going, []
        for going in ended:
            if going.delay is not None and self._last is not None:
                yield going.ended(self._last[1])

    def _go_on(self, at: float, *, uncovered: float) -> Iterator[FoundEvent]:
        for going in list(self._going):
            going.uncovered += uncovered
            score, is_given = float(self._smoothed[going.class_id]), going.delay is not None
            if score >= (self._rule.off if is_given else self._rule.on)[going.class_id]:
                going.take(score)
                continue
            self._going.remove(going)
            if is_given:
                yield going.ended(at)

    def _begin(self, at: float) -> None:
        """Begin events of the labels that reach their score: the most probable one's if only one may go on."""
        reached = (self._smoothed >= self._rule.on) & (self._smoothed > 0)  # 0 is of what is not known
        reached[[going.class_id for going in self._going]] = False
        if self._rule.at_once == "one":
            best = int(np.where(reached, self._smoothed, -1.0).argmax())
            reached = np.zeros_like(reached) if self._going or not reached[best] else np.arange(len(reached)) == best
        for class_id in np.nonzero(reached)[0].tolist():
            going = _Going(class_id=class_id, start=at)
            going.take(float(self._smoothed[class_id]))
            self._going.append(going)
