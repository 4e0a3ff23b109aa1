"""Curves and areas against scikit-learn, with ties and without, and against every order of a few."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vidcls.evaluation.curves import (
    area_under_risk_coverage,
    auroc,
    average_precision,
    precision_recall,
    reliability,
    risk_coverage,
    roc,
    weighted_auroc,
    weighted_average_precision,
)

# Divisions of small counts.
SHARE = 1e-12


@pytest.fixture(params=["apart", "tied", "one score"])
def scored(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=80)
    is_positive = rng.random(80) < 1 / (1 + np.exp(-scores))
    if request.param != "apart":
        scores = scores.round() if request.param == "tied" else np.zeros(80)
    return scores, is_positive


def test_roc_is_scikit_learns(scored: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, is_positive = scored
    curve = roc(scores, is_positive)
    x, y, thresholds = metrics.roc_curve(is_positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.x, x, atol=SHARE)
    np.testing.assert_allclose(curve.y, y, atol=SHARE)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    assert auroc(scores, is_positive) == pytest.approx(metrics.roc_auc_score(is_positive, scores), abs=SHARE)


def test_precision_and_recall_are_scikit_learns(scored: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, is_positive = scored
    curve = precision_recall(scores, is_positive)
    precision, recall, thresholds = metrics.precision_recall_curve(is_positive, scores)
    np.testing.assert_allclose(curve.y, precision[:-1][::-1], atol=SHARE)
    np.testing.assert_allclose(curve.x, recall[:-1][::-1], atol=SHARE)
    np.testing.assert_array_equal(curve.thresholds, thresholds[::-1])
    expected = metrics.average_precision_score(is_positive, scores)
    assert average_precision(scores, is_positive) == pytest.approx(expected, abs=SHARE)


def test_weights_are_clips_that_count_so_often(scored: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, is_positive = scored
    weights = np.random.default_rng(1).integers(0, 4, (5, 80)).astype(np.float64)
    precisions = weighted_average_precision(scores, is_positive, weights)
    areas = weighted_auroc(scores[is_positive], scores[~is_positive], weights[:, is_positive], weights[:, ~is_positive])
    for row, precision, area in zip(weights, precisions, areas, strict=True):
        expected = metrics.average_precision_score(is_positive, scores, sample_weight=row)
        assert precision == pytest.approx(expected, abs=SHARE)
        assert area == pytest.approx(metrics.roc_auc_score(is_positive, scores, sample_weight=row), abs=SHARE)


def test_curves_of_one_kind_of_clips_say_that_they_know_nothing() -> None:
    scores, nothing = np.array([0.3, 0.2]), np.zeros(2, bool)
    assert np.isnan(auroc(scores, nothing))
    assert np.isnan(auroc(scores, ~nothing))
    assert np.isnan(average_precision(scores, nothing))
    assert average_precision(scores, ~nothing) == 1
    assert np.isnan(roc(scores, nothing).y).all()
    assert np.isnan(weighted_average_precision(scores, np.array([True, False]), np.array([[0.0, 2]]))).all()


def test_the_risk_at_each_coverage() -> None:
    scores, is_right = np.array([0.9, 0.8, 0.8, 0.7]), np.array([True, True, False, False])
    curve = risk_coverage(scores, is_right)
    np.testing.assert_allclose(curve.x, [0.25, 0.75, 1.0])
    np.testing.assert_allclose(curve.y, [0, 1 / 3, 0.5])
    np.testing.assert_array_equal(curve.thresholds, [0.9, 0.8, 0.7])


def test_the_area_is_the_mean_over_every_order_of_tied_answers() -> None:
    scores = np.array([3, 2, 2, 2, 1, 1])
    is_right = np.array([True, False, True, True, False, True])
    areas = []
    for order in itertools.permutations(range(6)):
        if all(scores[before] >= scores[after] for before, after in itertools.pairwise(order)):
            errors = np.cumsum(~is_right[list(order)])
            areas.append(np.mean(errors / np.arange(1, 7)))
    assert area_under_risk_coverage(scores, is_right) == pytest.approx(np.mean(areas), abs=SHARE)


def test_bins_are_scikit_learns() -> None:
    calibration = pytest.importorskip("sklearn.calibration")
    rng = np.random.default_rng(0)
    probabilities = rng.random(300)
    targets = rng.random(300) < probabilities**2
    shares, means = calibration.calibration_curve(targets, probabilities, n_bins=15)
    bins = reliability(probabilities, targets)
    np.testing.assert_allclose([row.share for row in bins], shares, atol=SHARE)
    np.testing.assert_allclose([row.mean_probability for row in bins], means, atol=SHARE)
    assert sum(row.count for row in bins) == 300
    assert all(row.low < row.mean_probability <= row.high for row in bins)


def test_every_probability_has_a_bin() -> None:
    assert [(row.low, row.count) for row in reliability(np.array([0.0, 1.0]), np.array([False, True]))] == [
        (0.0, 1),
        (14 / 15, 1),
    ]
