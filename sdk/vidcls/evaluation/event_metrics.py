"""How good events are: mean average precision by ActivityNet's rules, F1, false alarms and delay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidcls.evaluation.intervals import Interval, rate_interval, resampled_interval

# Temporal intersections over unions: an event has been found where it reaches that.
TIOUS = (0.3, 0.5, 0.7)
AT_TIOU = 0.5  # for precision, recall and delay

RESAMPLES = 1000

Shares = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]  # precision, recall, F1


class TrueEvent(NamedTuple):
    """What really happens, in seconds after the video's first frame."""

    label: str
    start: float
    end: float


class DetectedEvent(NamedTuple):
    """What was found. handed_out: the time in the video at which it first was, in seconds as start and end."""

    label: str
    start: float
    end: float
    score: float
    handed_out: float


class VideoEvents(NamedTuple):
    """One video: what happens in it, what was found in it, and how long it is."""

    truth: Sequence[TrueEvent]
    detected: Sequence[DetectedEvent]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """Of one label: how often it happens and was found. None where there is nothing to divide by.

    average_precision: by tIoU. precision, recall, f1: at tIoU 0.5.
    """

    events: int
    detected: int
    average_precision: dict[float, float | None]
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, kw_only=True)
class EventScores:
    """Of all videos together.

    mean_average_precision: by tIoU, the mean over labels that happen at all; None if none does.
    precision, recall, f1: over the events of all labels, at tIoU 0.5.
    false_alarms_per_hour: of detected events that overlap no true event of their label at all.
    median_detection_delay: from the start of a true event to when it was handed out, of those found at tIoU 0.5.
    intervals: 95 % intervals of these by name ("map@0.5" for one of the first), from drawing videos again; None where
    that always gives the same, as of a single video, which says nothing of others. That of false alarms is at least as
    wide as a Poisson interval over the hours, and so is there of none and of a single video too.
    """

    videos: int
    hours: float
    mean_average_precision: dict[float, float | None]
    per_label: dict[str, LabelScores]
    precision: float | None
    recall: float | None
    f1: float | None
    false_alarms_per_hour: float | None
    median_detection_delay: float | None
    intervals: dict[str, Interval | None]


def score_events(videos: Sequence[VideoEvents], labels: Iterable[str]) -> EventScores:
    """Compare what was found in videos with what happens in them; at least one video.

    Average precision follows the evaluation of ActivityNet: the detections of a label, the surest first over all
    videos, each take the true event of their video that they overlap most and that none has taken, if their tIoU
    reaches the threshold; what takes none is false. Precision counts as the highest at that recall or more, and as 0
    at a recall that is never reached.

    >>> from vidcls.evaluation.event_metrics import DetectedEvent, TrueEvent, VideoEvents, score_events
    >>> truth = [TrueEvent("fall", 2.0, 6.0), TrueEvent("fall", 20.0, 24.0)]
    >>> detected = [DetectedEvent("fall", 3.0, 6.0, 0.9, 4.0), DetectedEvent("fall", 40.0, 44.0, 0.7, 42.0)]
    >>> scores = score_events([VideoEvents(truth, detected, 3600.0)], ["fall"])
    >>> scores.mean_average_precision[0.5], scores.f1, scores.false_alarms_per_hour, scores.median_detection_delay
    (0.5, 0.5, 1.0, 2.0)
    """
    counts = [_LabelCounts(videos, label) for label in labels]
    weights = np.ones((1, len(videos)))
    means = {tiou: _mean_ap(counts, tiou, weights)[0] for tiou in TIOUS}
    delays = [[delay for each in counts for delay in each.delays[video]] for video in range(len(videos))]
    shares = _Shares(counts, [video.seconds for video in videos])
    precision, recall, f1, alarms = (float(each[0]) for each in shares.of(weights))
    all_delays = [delay for each in delays for delay in each]
    return EventScores(
        videos=len(videos),
        hours=sum(video.seconds for video in videos) / 3600,
        mean_average_precision={tiou: _defined(value) for tiou, value in means.items()},
        per_label={each.label: each.scores() for each in counts},
        precision=_defined(precision),
        recall=_defined(recall),
        f1=_defined(f1),
        false_alarms_per_hour=_defined(alarms),
        median_detection_delay=median(all_delays) if all_delays else None,
        intervals=_intervals(counts, shares, delays, _drawn(len(videos))),
    )


def temporal_iou(first: tuple[float, float], second: tuple[float, float]) -> float:
    """The part that two stretches of time, (start, end), share, of the time that either covers; 0 to 1."""
    shared = max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
    either = (first[1] - first[0]) + (second[1] - second[0]) - shared
    return shared / either if either > 0 else 0.0


def matches(detected: Sequence[DetectedEvent], truth: Sequence[TrueEvent], *, at_least: float) -> list[int | None]:
    """Which true event each detection of one label and video takes, the surest first; None where it takes none."""
    found: list[int | None] = [None] * len(detected)
    free = set(range(len(truth)))
    for index in sorted(range(len(detected)), key=lambda index: -detected[index].score):
        overlaps = {number: temporal_iou(detected[index][1:3], truth[number][1:3]) for number in sorted(free)}
        best = max(overlaps, key=lambda number: overlaps[number], default=None)
        if best is not None and overlaps[best] >= at_least:
            found[index] = best
            free.remove(best)
    return found


def false_alarms(video: VideoEvents) -> list[DetectedEvent]:
    """The detections that overlap no true event of their label at all."""
    return [event for event in video.detected if not _overlaps(event, video.truth)]


def missed_events(video: VideoEvents) -> list[TrueEvent]:
    """The true events that no detection of their label overlaps at all."""
    return [event for event in video.truth if not _overlaps(event, video.detected)]


def _overlaps(event: TrueEvent | DetectedEvent, others: Sequence[TrueEvent] | Sequence[DetectedEvent]) -> bool:
    return any(other.label == event.label and temporal_iou(event[1:3], other[1:3]) > 0 for other in others)


class _LabelCounts:
    """What counts of one label, video by video.

    truth, detected, found, false_alarms: int [videos]. order: the detections' videos, the surest detection first;
    is_right: by tIoU, whether each of these took a true event. delays: seconds of each found one, by video.
    """

    def __init__(self, videos: Sequence[VideoEvents], label: str) -> None:
        self.label = label
        truth = [[event for event in video.truth if event.label == label] for video in videos]
        detected = [[event for event in video.detected if event.label == label] for video in videos]
        taken = {
            each: [matches(found, true, at_least=each) for found, true in zip(detected, truth, strict=True)]
            for each in TIOUS
        }
        self.truth, self.detected = _lengths(truth), _lengths(detected)
        self.found = np.array([sum(each is not None for each in row) for row in taken[AT_TIOU]])
        self.false_alarms = np.array(
            [sum(event.label == label for event in false_alarms(video)) for video in videos], np.intp
        )
        self.delays = [
            [event.handed_out - true[at].start for event, at in zip(found, row, strict=True) if at is not None]
            for found, true, row in zip(detected, truth, taken[AT_TIOU], strict=True)
        ]
        scores = np.array([event.score for found in detected for event in found])
        by_score = np.argsort(-scores, kind="stable")
        self.order = np.repeat(np.arange(len(videos)), self.detected)[by_score]
        self.is_right = {
            each: np.array([at is not None for row in rows for at in row], bool)[by_score]
            for each, rows in taken.items()
        }

    def average_precision(self, tiou: float, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Float64 [draws] where each video counts by its weight, [draws, videos]; NaN where the label never happens."""
        counted = weights[:, self.order]
        right = np.cumsum(counted * self.is_right[tiou], axis=1)
        total = np.cumsum(counted, axis=1)
        positives = (weights @ self.truth)[:, None]
        precision = np.divide(right, total, out=np.zeros_like(right), where=total > 0)
        highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        gained = np.diff(right, axis=1, prepend=0.0)
        summed = (highest * gained).sum(axis=1, keepdims=True)
        return _ratio(summed, positives)[:, 0]

    def scores(self) -> LabelScores:
        weights = np.ones((1, len(self.truth)))
        precision, recall, f1 = _precision_recall_f1(self.found.sum(), self.detected.sum(), self.truth.sum())
        return LabelScores(
            events=int(self.truth.sum()),
            detected=int(self.detected.sum()),
            average_precision={each: _defined(self.average_precision(each, weights)[0]) for each in TIOUS},
            precision=_defined(float(precision)),
            recall=_defined(float(recall)),
            f1=_defined(float(f1)),
        )


class _Shares:
    """Precision, recall, F1 and false alarms an hour over all labels, however the videos are weighted."""

    def __init__(self, counts: Sequence[_LabelCounts], seconds: Sequence[float]) -> None:
        self._found = sum(each.found for each in counts)
        self._detected = sum(each.detected for each in counts)
        self._truth = sum(each.truth for each in counts)
        self._false_alarms = sum(each.false_alarms for each in counts)
        self._hours = np.array(seconds) / 3600

    def alarm_interval(self, rates: npt.NDArray[np.float64]) -> Interval | None:
        """Of false alarms an hour, by those of videos drawn again, float64 [draws]."""
        return rate_interval(int(np.sum(self._false_alarms)), float(self._hours.sum()), resampled_interval(rates))

    def of(self, weights: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], ...]:
        """The four, each float64 [draws], of weights [draws, videos]."""
        found, detected, truth = weights @ self._found, weights @ self._detected, weights @ self._truth
        alarms = _ratio(weights @ self._false_alarms, weights @ self._hours)
        return (*_precision_recall_f1(found, detected, truth), alarms)


def _precision_recall_f1(found: npt.ArrayLike, detected: npt.ArrayLike, truth: npt.ArrayLike) -> Shares:
    """NaN where there is nothing to divide by; F1 is 0 where something happens and nothing is found."""
    counts = np.asarray(found, float), np.asarray(detected, float), np.asarray(truth, float)
    return (
        _ratio(counts[0], counts[1]),
        _ratio(counts[0], counts[2]),
        np.where(counts[2] > 0, _ratio(2 * counts[0], counts[1] + counts[2]), np.nan),
    )


def _ratio(above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0))


def _mean_ap(counts: Sequence[_LabelCounts], tiou: float, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Over the labels that happen, float64 [draws]; NaN where none does."""
    values = np.array([each.average_precision(tiou, weights) for each in counts])
    happens = ~np.isnan(values)
    return _ratio(np.where(happens, values, 0).sum(axis=0), happens.sum(axis=0))


def _drawn(videos: int) -> npt.NDArray[np.float64]:
    """How often each video is drawn, float64 [RESAMPLES, videos]: as many as there are, with replacement."""
    random = np.random.default_rng(0)
    return random.multinomial(videos, np.full(videos, 1 / videos), RESAMPLES).astype(np.float64)


def _intervals(
    counts: Sequence[_LabelCounts],
    shares: _Shares,
    delays: Sequence[Sequence[float]],
    drawn: npt.NDArray[np.float64],
) -> dict[str, Interval | None]:
    values = {f"map@{tiou}": _mean_ap(counts, tiou, drawn) for tiou in TIOUS}
    *of_shares, alarms = shares.of(drawn)
    values |= dict(zip(("precision", "recall", "f1"), of_shares, strict=True))
    values["median_detection_delay"] = _medians(delays, drawn)
    intervals = {name: resampled_interval(each) for name, each in values.items()}
    return {**intervals, "false_alarms_per_hour": shares.alarm_interval(alarms)}


def _medians(values: Sequence[Sequence[float]], drawn: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of the values of the videos that were drawn, float64 [draws]; NaN where these have none."""
    flat = np.array([value for each in values for value in each])
    order = np.argsort(flat)
    repeats = np.cumsum(drawn[:, np.repeat(np.arange(len(values)), _lengths(values))[order]], axis=1)
    if not len(flat):
        return np.full(len(drawn), np.nan)
    middles = [((repeats[:, -1:] - less) // 2 < repeats).argmax(axis=1) for less in (1, 0)]
    return np.where(repeats[:, -1] > 0, (flat[order][middles[0]] + flat[order][middles[1]]) / 2, np.nan)


def _lengths(lists: Sequence[Sequence[object]]) -> npt.NDArray[np.intp]:
    return np.array([len(each) for each in lists], np.intp)


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
