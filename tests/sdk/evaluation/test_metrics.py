"""Scores against a case counted by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from vidcls.contract import NEUTRAL
from vidcls.evaluation.metrics import calibration_error, score_logits, wilson_interval

# Divisions of small counts.
SHARE = 1e-12


def test_a_case_counted_by_hand() -> None:
    logits = np.array([[9, 1, 0], [8, 9, 0], [0, 9, 8], [9, 0, 1], [0, 1, 2]], np.float32)
    scores = score_logits(logits, [0, 0, 1, 1, 0], ["cat", "dog", "eel"], NEUTRAL)
    assert scores.videos == 5
    assert scores.top1 == pytest.approx(2 / 5, abs=SHARE)
    assert scores.top5 == 1
    assert scores.confusion == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]
    assert scores.per_class == {
        "cat": {"videos": 3, "top1": pytest.approx(1 / 3, abs=SHARE)},
        "dog": {"videos": 2, "top1": 0.5},
        "eel": {"videos": 0, "top1": None},
    }


def test_top5_needs_fewer_than_five_better_labels() -> None:
    logits = np.arange(7, dtype=np.float32)[::-1].copy()[None].repeat(7, axis=0)  # label 0 best, 6 worst
    assert score_logits(logits, range(7), "abcdefg", NEUTRAL).top5 == pytest.approx(5 / 7, abs=SHARE)


def test_random_scores_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    labels = [f"label {index}" for index in range(9)]
    for _ in range(20):
        truth = rng.integers(0, 9, size=60)
        logits = rng.standard_normal((60, 9)).astype(np.float32)
        logits[np.arange(60), truth] += 1
        predicted = logits.argmax(axis=1)
        scores = score_logits(logits, truth.tolist(), labels, NEUTRAL)
        assert scores.confusion == metrics.confusion_matrix(truth, predicted, labels=range(9)).tolist()
        assert scores.top1 == pytest.approx(metrics.accuracy_score(truth, predicted), abs=SHARE)
        expected = metrics.top_k_accuracy_score(truth, logits, k=5, labels=range(9))
        assert scores.top5 == pytest.approx(expected, abs=SHARE)
        recalls = metrics.recall_score(truth, predicted, labels=range(9), average=None, zero_division=np.nan)
        found = [scores.per_class[label]["top1"] for label in labels]
        np.testing.assert_allclose(np.array(found, float), recalls, atol=SHARE)


def test_scores_are_plain_numbers() -> None:
    scores = score_logits(np.eye(2, dtype=np.float32), [0, 1], ["a", "b"], NEUTRAL)
    assert type(scores.top1) is float
    assert type(scores.top5) is float
    assert type(scores.confusion[0][0]) is int
    assert type(scores.per_class["a"]["videos"]) is int
    assert type(scores.per_class["a"]["top1"]) is float


@pytest.mark.parametrize(("right", "videos"), [(0, 1), (1, 1), (0, 7), (7, 7), (36, 62), (1, 62), (900, 1000)])
def test_intervals_are_scipys(right: int, videos: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(right, videos).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson_interval(right, videos) == pytest.approx((expected.low, expected.high), abs=SHARE)


def test_scores_carry_the_intervals_of_their_shares() -> None:
    logits = np.eye(7, dtype=np.float32)
    logits[:3] = logits[:3, ::-1] - np.arange(7) * 0.01  # 0, 1 and 2 are wrong; 0 and 1 are not among the best five
    scores = score_logits(logits, range(7), "abcdefg", NEUTRAL)
    assert (scores.top1, scores.top5) == (4 / 7, 1.0)
    assert scores.top1_interval == wilson_interval(4, 7)
    assert scores.top5_interval == wilson_interval(7, 7)


def test_a_calibration_counted_by_hand() -> None:
    # Of 15 bins, 0.9 and 0.92 share one (0.867 to 0.933), and one of the two is right; 0.6 is right, and alone.
    probabilities = np.array([[0.9, 0.1], [0.92, 0.08], [0.4, 0.6]])
    assert calibration_error(probabilities, [0, 1, 1]) == pytest.approx((2 * (0.91 - 0.5) + (1 - 0.6)) / 3, abs=SHARE)


def test_calibration_is_that_of_a_plain_loop_over_bins() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.3] * 5, size=500)
    truth = rng.integers(0, 5, size=500)
    expected = 0.0
    for low in range(15):
        inside = [
            (row.max(), row.argmax() == label)
            for row, label in zip(probabilities, truth, strict=True)
            if low / 15 < row.max() <= (low + 1) / 15
        ]
        if inside:
            confidence, right = (float(np.mean(column)) for column in zip(*inside, strict=True))
            expected += len(inside) / 500 * abs(confidence - right)
    assert calibration_error(probabilities, truth) == pytest.approx(expected, abs=SHARE)
