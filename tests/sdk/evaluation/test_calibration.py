"""Log loss, Brier score and calibration error against scikit-learn, plain loops and cases counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vidcls.contract import NEUTRAL
from vidcls.evaluation.answers import Answers, answers_of
from vidcls.evaluation.calibration import (
    binned_error,
    brier_scores,
    calibration_error,
    claims,
    expected_error,
    log_losses,
)

# Divisions of small counts, and logarithms in float64.
SHARE = 1e-12
# scikit-learn's log loss and ours add the same float64 numbers in another order.
ADDED = 1e-10


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


def test_log_loss_and_brier_score_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    special = pytest.importorskip("scipy.special")
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(0, 3, (70, 5)), rng.integers(0, 5, 70)
    answers, decision = answers_of(logits, truth.tolist(), "abcde"), replace(NEUTRAL, temperature=1.7)
    probabilities = special.softmax(logits / 1.7, axis=1)
    expected = metrics.log_loss(truth, probabilities, labels=range(5))
    assert log_losses(answers, decision).mean() == pytest.approx(expected, abs=ADDED)
    squares = ((probabilities - np.eye(5)[truth]) ** 2).sum(axis=1)
    np.testing.assert_allclose(brier_scores(answers, decision), squares, atol=SHARE)


def test_of_a_sigmoid_model_every_label_is_a_claim() -> None:
    logits = np.array([[0.5676, 0.0710], [0.1176, -0.2571]])
    targets = np.array([[True, False], [False, False]])
    answers, decision = Answers(logits=logits, targets=targets), replace(NEUTRAL, activation="sigmoid")
    p = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(
        log_losses(answers, decision),
        [-(np.log(p[0, 0]) + np.log(1 - p[0, 1])) / 2, -(np.log(1 - p[1, 0]) + np.log(1 - p[1, 1])) / 2],
        atol=SHARE,
    )
    expected = [((1 - p[0, 0]) ** 2 + p[0, 1] ** 2) / 2, (p[1] ** 2).mean()]
    np.testing.assert_allclose(brier_scores(answers, decision), expected, atol=SHARE)
    claimed, came_true = claims(answers, decision)
    np.testing.assert_allclose(claimed, p.ravel(), atol=SHARE)
    assert came_true.tolist() == [True, False, False, False]


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_extreme_logits_have_a_finite_loss(activation: str) -> None:
    answers = answers_of(np.array([[1e5, -1e5]]), [1], "ab")
    (loss,) = log_losses(answers, replace(NEUTRAL, activation=activation))  # type: ignore[arg-type]
    assert loss == pytest.approx(2e5 if activation == "softmax" else 1e5)


def test_the_expected_error_is_that_of_calibrated_models() -> None:
    rng = np.random.default_rng(5)
    probabilities = rng.uniform(0.3, 1, 62)
    errors = [binned_error(probabilities, rng.random(62) < probabilities) for _ in range(1000)]
    # Both are means of 1000 errors that scatter by 0.03.
    assert expected_error(probabilities) == pytest.approx(np.mean(errors), abs=0.004)
    assert expected_error(np.repeat(probabilities, 20)) < expected_error(probabilities) / 3


def test_the_expected_error_of_certainty_is_0() -> None:
    assert expected_error(np.ones(9)) == 0
