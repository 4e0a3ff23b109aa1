"""Events compared with what happens, by a second implementation of ActivityNet's rules and by hand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from vidcls.evaluation import event_metrics
from vidcls.evaluation.event_metrics import (
    TIOUS,
    DetectedEvent,
    TrueEvent,
    VideoEvents,
    false_alarms,
    matches,
    score_events,
    temporal_iou,
)
from vidcls.evaluation.intervals import poisson_interval, rate_interval

LABELS = ("fall", "walk", "jump")

# Sums in another order.
ROUNDING = 1e-12


def other_iou(first: tuple[float, float], second: tuple[float, float]) -> float:
    """By the time that each end leaves over."""
    ends = sorted([*first, *second])
    if first[1] <= second[0] or second[1] <= first[0]:
        return 0.0
    return (ends[2] - ends[1]) / (ends[3] - ends[0])


def activitynet_ap(videos: list[VideoEvents], label: str, threshold: float) -> float | None:
    """ActivityNet's average precision, written as its rules are: one list of detections, one lock per true event."""
    truth = [(number, event) for number, video in enumerate(videos) for event in video.truth if event.label == label]
    found = [(number, event) for number, video in enumerate(videos) for event in video.detected if event.label == label]
    if not truth:
        return None
    locked = [False] * len(truth)
    true_positives, false_positives, points = 0, 0, []
    for number, event in sorted(found, key=lambda item: item[1].score, reverse=True):
        candidates = [index for index, (video, _) in enumerate(truth) if video == number]
        candidates.sort(key=lambda index: other_iou(event[1:3], truth[index][1][1:3]), reverse=True)
        for index in candidates:
            if other_iou(event[1:3], truth[index][1][1:3]) >= threshold and not locked[index]:
                locked[index] = True
                true_positives += 1
                break
        else:
            false_positives += 1
        points.append((true_positives / len(truth), true_positives / (true_positives + false_positives)))
    # The area under the highest precision at each recall or more, one step for each true event.
    area = 0.0
    for step in range(1, len(truth) + 1):
        reached = [precision for recall, precision in points if recall >= step / len(truth) - ROUNDING]
        area += max(reached, default=0.0) / len(truth)
    return area


def stretches(random: np.random.Generator, most: int) -> list[tuple[float, float]]:
    lengths = random.uniform(0.5, 8, random.integers(0, most + 1))
    starts = random.uniform(0, 50, len(lengths))
    return list(zip(starts.tolist(), (starts + lengths).tolist(), strict=True))


def random_videos(random: np.random.Generator) -> list[VideoEvents]:
    """Detections near what happens, and others; every score once."""
    scores = iter(random.permutation(2000) / 2000)
    videos = []
    for _ in range(random.integers(1, 6)):
        truth = [TrueEvent(str(random.choice(LABELS[:2])), *stretch) for stretch in stretches(random, 5)]
        moved = [(event.label, *(np.array(event[1:]) + random.uniform(-1, 1, 2)).tolist()) for event in truth]
        near = [(label, min(start, end - 0.1), end) for label, start, end in moved if random.random() < 0.8]
        other = [(str(random.choice(LABELS)), *stretch) for stretch in stretches(random, 4)]
        detected = [DetectedEvent(label, start, end, next(scores), start + 1.0) for label, start, end in near + other]
        videos.append(VideoEvents(truth, detected, 60.0))
    return videos


def test_average_precision_is_activitynets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_metrics, "RESAMPLES", 2)  # for speed: no interval is compared
    random = np.random.default_rng(0)
    compared = 0
    for _ in range(25):
        videos = random_videos(random)
        scores = score_events(videos, LABELS)
        for threshold in TIOUS:
            expected = {label: activitynet_ap(videos, label, threshold) for label in LABELS}
            for label, value in expected.items():
                found = scores.per_label[label].average_precision[threshold]
                assert found == (None if value is None else pytest.approx(value, abs=ROUNDING))
                compared += value is not None
            defined = [value for value in expected.values() if value is not None]
            mean = scores.mean_average_precision[threshold]
            assert mean == (pytest.approx(np.mean(defined), abs=ROUNDING) if defined else None)
    assert compared > 60


def test_matching_takes_the_surest_first_and_each_true_event_once() -> None:
    truth = [TrueEvent("fall", 0.0, 10.0), TrueEvent("fall", 11.0, 20.0)]
    detected = [
        DetectedEvent("fall", 0.0, 9.0, 0.5, 1.0),
        DetectedEvent("fall", 0.0, 8.0, 0.9, 1.0),
        DetectedEvent("fall", 12.0, 20.0, 0.4, 1.0),
    ]
    assert matches(detected, truth, at_least=0.5) == [None, 0, 1]
    assert matches(detected, truth, at_least=0.85) == [0, None, 1]
    assert matches(detected, [], at_least=0.1) == [None] * 3


def test_overlap_of_stretches() -> None:
    for first, second in itertools.product([(0.0, 4.0), (2.0, 3.0)], [(1.0, 5.0), (4.0, 8.0), (2.0, 3.0)]):
        assert temporal_iou(first, second) == pytest.approx(other_iou(first, second))


def test_rates_delays_and_false_alarms_by_hand() -> None:
    first = VideoEvents(
        [TrueEvent("fall", 10.0, 20.0), TrueEvent("walk", 30.0, 40.0)],
        [
            DetectedEvent("fall", 11.0, 20.0, 0.9, 13.0),  # found, 3 s after it began
            DetectedEvent("walk", 38.0, 48.0, 0.8, 39.0),  # too far off to be found, yet no false alarm
            DetectedEvent("jump", 12.0, 18.0, 0.7, 14.0),  # nothing of its label
        ],
        1800.0,
    )
    second = VideoEvents(
        [TrueEvent("fall", 5.0, 15.0)],
        [
            DetectedEvent("fall", 4.0, 15.0, 0.6, 10.0),  # found, after 5 s
            DetectedEvent("fall", 100.0, 110.0, 0.95, 104.0),  # overlaps none
        ],
        1800.0,
    )
    scores = score_events([first, second], LABELS)
    assert (scores.videos, scores.hours) == (2, 1.0)
    assert (scores.precision, scores.recall) == (2 / 5, 2 / 3)
    assert scores.f1 == pytest.approx(2 * (2 / 5) * (2 / 3) / (2 / 5 + 2 / 3))
    assert scores.false_alarms_per_hour == 2.0
    assert scores.median_detection_delay == 4.0
    fall = scores.per_label["fall"]
    assert (fall.events, fall.detected, fall.precision, fall.recall) == (2, 3, 2 / 3, 1.0)
    jump = scores.per_label["jump"]
    assert (jump.events, jump.precision, jump.recall, jump.f1, jump.average_precision[0.5]) == (
        0,
        0.0,
        None,
        None,
        None,
    )
    for name in ("map@0.5", "precision", "recall", "f1", "false_alarms_per_hour", "median_detection_delay"):
        low, high = scores.intervals[name] or (np.nan, np.nan)
        assert low < high
    # Drawing the first twice or the second twice: both are among a thousand draws.
    assert scores.intervals["median_detection_delay"] == (3.0, 5.0)
    assert scores.intervals["recall"] == (0.5, 1.0)


def middle(values: Sequence[float | None]) -> tuple[float, float] | None:
    """The middle 95 % of what differs."""
    low, high = np.quantile(np.array(values, float), [0.025, 0.975])
    return None if low == high else (low, high)


def test_intervals_are_of_the_scores_of_videos_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    videos = [video for _ in range(4) for video in random_videos(random)]
    alarms, hours = sum(len(false_alarms(video)) for video in videos), sum(video.seconds for video in videos) / 3600
    for _ in range(5):
        drawn = random.integers(0, len(videos), (2, len(videos)))
        weights = np.array([np.bincount(row, minlength=len(videos)) for row in drawn], float)
        monkeypatch.setattr(event_metrics, "_drawn", lambda _, weights=weights: weights)
        of_two_draws = score_events(videos, LABELS).intervals
        expected = [score_events([videos[index] for index in np.sort(row)], LABELS) for row in drawn]
        for tiou in TIOUS:
            values = [each.mean_average_precision[tiou] for each in expected]
            assert of_two_draws[f"map@{tiou}"] == pytest.approx(middle(values), abs=ROUNDING)
        for name in ("precision", "recall", "f1", "median_detection_delay"):
            values = [getattr(each, name) for each in expected]
            assert of_two_draws[name] == pytest.approx(middle(values), abs=ROUNDING)
        ends = rate_interval(alarms, hours, middle([each.false_alarms_per_hour for each in expected]))
        assert of_two_draws["false_alarms_per_hour"] == pytest.approx(ends, abs=ROUNDING)


def test_where_nothing_happens_only_false_alarms_are_defined() -> None:
    video = VideoEvents([], [DetectedEvent("fall", 1.0, 2.0, 0.9, 1.5)], 360.0)
    scores = score_events([video], LABELS)
    assert (scores.f1, scores.recall, scores.precision) == (None, None, 0.0)
    assert scores.mean_average_precision == dict.fromkeys(TIOUS)
    assert (scores.false_alarms_per_hour, scores.median_detection_delay) == (10.0, None)
    silent = score_events([VideoEvents([TrueEvent("fall", 1.0, 2.0)], [], 360.0)], LABELS)
    assert (silent.f1, silent.recall, silent.precision) == (0.0, 0.0, None)
    assert silent.mean_average_precision[0.5] == 0.0


def test_videos_that_are_all_alike_say_nothing_of_others_but_how_rare_false_alarms_are() -> None:
    """Three minutes without a false alarm: there may be up to 74 an hour."""
    video = VideoEvents([TrueEvent("fall", 10.0, 20.0)], [DetectedEvent("fall", 10.5, 20.0, 0.9, 15.0)], 60.0)
    scores = score_events([video] * 3, ["fall"])
    assert (scores.f1, scores.false_alarms_per_hour, scores.median_detection_delay) == (1.0, 0.0, 5.0)
    assert scores.intervals.pop("false_alarms_per_hour") == pytest.approx((0.0, -np.log(0.025) * 20))
    assert scores.intervals == dict.fromkeys(
        ("map@0.3", "map@0.5", "map@0.7", "precision", "recall", "f1", "median_detection_delay")
    )


def test_of_a_single_video_only_false_alarms_have_an_interval() -> None:
    video = VideoEvents([], [DetectedEvent("fall", 1.0, 2.0, 0.9, 1.5)], 360.0)
    intervals = score_events([video], LABELS).intervals
    assert intervals.pop("false_alarms_per_hour") == pytest.approx([end * 10 for end in poisson_interval(1)])
    assert set(intervals.values()) == {None}
