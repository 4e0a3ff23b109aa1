"""Scores against a case counted by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from vidcls.evaluation import score_logits

# Divisions of small counts.
SHARE = 1e-12


def test_a_case_counted_by_hand() -> None:
    logits = np.array([[9, 1, 0], [8, 9, 0], [0, 9, 8], [9, 0, 1], [0, 1, 2]], np.float32)
    scores = score_logits(logits, [0, 0, 1, 1, 0], ["cat", "dog", "eel"])
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
    assert score_logits(logits, range(7), "abcdefg").top5 == pytest.approx(5 / 7, abs=SHARE)


def test_random_scores_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    labels = [f"label {index}" for index in range(9)]
    for _ in range(20):
        truth = rng.integers(0, 9, size=60)
        logits = rng.standard_normal((60, 9)).astype(np.float32)
        logits[np.arange(60), truth] += 1
        predicted = logits.argmax(axis=1)
        scores = score_logits(logits, truth.tolist(), labels)
        assert scores.confusion == metrics.confusion_matrix(truth, predicted, labels=range(9)).tolist()
        assert scores.top1 == pytest.approx(metrics.accuracy_score(truth, predicted), abs=SHARE)
        expected = metrics.top_k_accuracy_score(truth, logits, k=5, labels=range(9))
        assert scores.top5 == pytest.approx(expected, abs=SHARE)
        recalls = metrics.recall_score(truth, predicted, labels=range(9), average=None, zero_division=np.nan)
        found = [scores.per_class[label]["top1"] for label in labels]
        np.testing.assert_allclose(np.array(found, float), recalls, atol=SHARE)


def test_scores_are_plain_numbers() -> None:
    scores = score_logits(np.eye(2, dtype=np.float32), [0, 1], ["a", "b"])
    assert type(scores.top1) is float
    assert type(scores.top5) is float
    assert type(scores.confusion[0][0]) is int
    assert type(scores.per_class["a"]["videos"]) is int
    assert type(scores.per_class["a"]["top1"]) is float
