"""Operating points against a loop over every threshold, and what is said where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vidcls.contract import NEUTRAL, OperatingPoint
from vidcls.decision import probabilities
from vidcls.evaluation.answers import Answers, answers_of
from vidcls.fitting.operating_points import at_false_alarm_rate, at_precision, fit_operating_points

# Divisions of small counts.
SHARE = 1e-12


def by_hand(scores: np.ndarray, is_positive: np.ndarray, *, fits: object) -> tuple[float, float, float] | None:
    """(recall, precision, threshold) of the best of all midpoints, tried one after the other."""
    values = sorted({*scores.tolist()}, reverse=True)
    tried = []
    for value, below in zip(values, [*values[1:], 0.0], strict=True):
        threshold = (value + below) / 2
        accepted = scores >= threshold
        hits = int((accepted & is_positive).sum())
        precision, false_rate = hits / accepted.sum(), (accepted & ~is_positive).sum() / max((~is_positive).sum(), 1)
        if hits and fits(precision, false_rate):  # type: ignore[operator]
            tried.append((hits / is_positive.sum(), precision, threshold))
    return max(tried) if tried else None


@pytest.mark.parametrize("seed", range(12))
def test_it_is_the_best_of_every_threshold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    is_positive = rng.random(60) < 0.4
    scores = (rng.normal(0, 1, 60) + 1.2 * is_positive).round(1 if seed % 2 else 9)
    scores = 1 / (1 + np.exp(-scores))
    for target in (0.5, 0.8, 0.95, 1.0):
        expected = by_hand(scores, is_positive, fits=lambda precision, _, target=target: precision >= target)
        _same(at_precision(scores, is_positive, precision=target), expected)
    for rate in (0.0, 0.05, 0.3):
        expected = by_hand(scores, is_positive, fits=lambda _, false_rate, rate=rate: false_rate <= rate)
        _same(at_false_alarm_rate(scores, is_positive, rate=rate), expected)


def _same(point: OperatingPoint | None, expected: tuple[float, float, float] | None) -> None:
    if expected is None:
        assert point is None
    else:
        assert point is not None
        assert (point.recall, point.precision, point.probability) == pytest.approx(expected, abs=SHARE)


def test_without_other_clips_there_is_no_false_alarm() -> None:
    point = at_false_alarm_rate(np.array([0.9, 0.2]), np.array([True, True]), rate=0.0)
    assert point == OperatingPoint(probability=0.1, precision=1.0, recall=1.0)


def answers_with(counts: dict[str, int], labels: tuple[str, ...], *, sharp: float) -> Answers:
    class_ids = [labels.index(label) for label, count in counts.items() for _ in range(count)]
    logits = np.random.default_rng(0).normal(0, 1, (len(class_ids), len(labels)))
    logits[np.arange(len(class_ids)), class_ids] += sharp
    return answers_of(logits, class_ids, labels)


def test_labels_with_too_few_clips_have_none_and_are_named() -> None:
    labels = ("fall", "jump", "run", "_none")
    answers = answers_with({"fall": 20, "jump": 19, "_none": 40}, labels, sharp=4)
    decision = replace(NEUTRAL, none_label="_none", temperature=0.7)
    points, notes = fit_operating_points(answers, labels, decision, target_precision=0.9)
    assert points is not None
    assert list(points) == ["fall", "jump", "run"]
    assert (points["jump"], points["run"]) == (None, None)
    point = points["fall"]
    assert point is not None
    found = probabilities(answers.logits, decision)[:, 0] >= point.probability
    assert answers.targets[found, 0].mean() == pytest.approx(point.precision, abs=SHARE)
    assert found[:20].mean() == pytest.approx(point.recall, abs=SHARE)
    assert notes == (
        "no operating point for 'jump' (19), 'run' (0): that takes at least 20 validation clips of the label",
    )


def test_a_precision_out_of_reach_is_said() -> None:
    labels = ("fall", "jump")
    logits = np.tile([1.0, 0.0], (50, 1))  # says nothing
    answers = answers_of(logits, [0, 1] * 25, labels)
    points, notes = fit_operating_points(answers, labels, NEUTRAL, target_precision=0.9)
    assert points is None
    assert notes == (
        "no operating point for 'fall', 'jump': no threshold reaches a precision of 0.9 on the validation clips",
    )


def test_a_false_alarm_rate_decides_instead_of_a_precision() -> None:
    labels = ("fall", "walk")
    # 20 falls at ten probabilities, and 100 walks, of which the two most probable falls are at 0.75 and 0.55.
    falls, walks = np.repeat(np.linspace(0.5, 0.95, 10), 2), np.r_[0.75, 0.55, np.linspace(0.01, 0.3, 98)]
    share = np.concatenate([falls, walks])
    answers = answers_of(np.log(np.stack([share, 1 - share], axis=1)), [0] * 20 + [1] * 100, labels)
    for rate, recall in ((0.0, 8 / 20), (0.01, 16 / 20), (0.02, 1.0)):
        points, _ = fit_operating_points(answers, labels, NEUTRAL, target_precision=0.5, false_alarm_rate=rate)
        assert points is not None
        point = points["fall"]
        assert point is not None
        assert point.recall == pytest.approx(recall, abs=SHARE)
        assert (walks >= point.probability).mean() <= rate
    answers = answers_of(np.tile([1.0, 0.0], (50, 1)), [0, 1] * 25, labels)  # says nothing
    points, notes = fit_operating_points(answers, labels, NEUTRAL, target_precision=0.5, false_alarm_rate=0.1)
    assert points is None
    assert "no threshold reaches a false-alarm rate of 0.1 with any clip found on the validation clips" in notes[0]
