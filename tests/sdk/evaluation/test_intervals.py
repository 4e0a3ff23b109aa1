"""Intervals against SciPy's, and against how often they hold what they should."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from vidcls.evaluation.intervals import (
    bootstrap_interval,
    change_text,
    figure_text,
    paired_bootstrap,
    poisson_interval,
    rate_interval,
    unless_point,
    wilson_interval,
)

# Divisions of small counts.
SHARE = 1e-12


@pytest.mark.parametrize(("right", "videos"), [(0, 1), (1, 1), (0, 7), (7, 7), (36, 62), (1, 62), (900, 1000)])
def test_intervals_of_shares_are_scipys(right: int, videos: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(right, videos).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson_interval(right, videos) == pytest.approx((expected.low, expected.high), abs=SHARE)


@pytest.mark.parametrize("events", [0, 1, 2, 7, 60, 5000])
def test_intervals_of_counts_are_garwoods_by_scipys_chi_square(events: int) -> None:
    chi2 = pytest.importorskip("scipy.stats").chi2
    expected = (chi2.ppf(0.025, 2 * events) / 2 if events else 0.0, chi2.ppf(0.975, 2 * events + 2) / 2)
    # Thousands of factorials, as sums of logarithms.
    assert poisson_interval(events) == pytest.approx(expected, rel=1e-9)


def mean_of(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts @ values / len(values))


@pytest.mark.parametrize("rate", [0.2, 1.0, 6.0])
def test_the_interval_of_rare_events_holds_their_rate_where_drawing_again_does_not(rate: float) -> None:
    """Of ten videos of an hour each, `rate` false alarms a video in ten: drawing them again is often a point at 0."""
    random, held, resampled_held = np.random.default_rng(0), 0, 0
    for _ in range(200):
        alarms = random.poisson(rate / 10, 10).astype(float)
        resampled = bootstrap_interval(10, partial(mean_of, alarms))
        low, high = rate_interval(int(alarms.sum()), 10.0, resampled) or (np.nan, np.nan)
        held += low <= rate / 10 <= high
        resampled_held += resampled is not None and resampled[0] <= rate / 10 <= resampled[1]
    assert held / 200 >= 0.95
    assert resampled_held / 200 < 0.95


def test_the_interval_of_a_rate_is_no_narrower_where_its_events_come_in_clusters() -> None:
    """Of fifty alarms in one of ten hours Poisson's interval alone would promise 37 to 66 in any ten."""
    clustered = bootstrap_interval(10, lambda counts: np.asarray(counts @ np.array([50.0, *[0.0] * 9]) / 10))
    low, high = rate_interval(50, 10.0, clustered) or (np.nan, np.nan)
    assert (low, high) == clustered
    assert low < poisson_interval(50)[0] / 10
    assert high > poisson_interval(50)[1] / 10
    assert rate_interval(0, 0.0, None) is None


def test_the_paired_bootstrap_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    first = rng.exponential(size=60)
    second = first + rng.normal(0.1, 0.3, 60)
    expected = stats.bootstrap((first - second,), np.mean, method="percentile", random_state=1, n_resamples=4000)
    mean, low, high = paired_bootstrap(first, second)
    assert mean == pytest.approx((first - second).mean(), abs=SHARE)
    # The ends of 2000 resamples scatter by 0.001 to 0.002 here.
    expected_ends = (expected.confidence_interval.low, expected.confidence_interval.high)
    assert (low, high) == pytest.approx(expected_ends, abs=0.008)


def test_the_bootstrap_draws_whole_groups() -> None:
    rng = np.random.default_rng(0)
    of_group = rng.normal(5, 1, size=12)  # far from 0, so that how many clips are drawn matters
    sizes = rng.integers(1, 9, size=12)
    groups = np.repeat([f"g{number}" for number in range(12)], sizes)
    values = np.repeat(of_group, sizes)  # clips of a group are all alike
    means = []
    for _ in range(4000):
        drawn = rng.integers(12, size=12)
        means.append((of_group[drawn] * sizes[drawn]).sum() / sizes[drawn].sum())
    shuffled = rng.permutation(len(values))
    mean, low, high = paired_bootstrap(values[shuffled], np.zeros(len(values)), groups=groups[shuffled].tolist())
    assert mean == pytest.approx(values.mean(), abs=SHARE)
    assert (low, high) == pytest.approx(np.quantile(means, [0.025, 0.975]).tolist(), abs=0.08)
    _, narrow_low, narrow_high = paired_bootstrap(values, np.zeros(len(values)))
    assert high - low > 1.5 * (narrow_high - narrow_low)


def test_clips_of_one_group_give_a_difference_no_interval() -> None:
    values = np.random.default_rng(0).normal(size=20)
    alone = paired_bootstrap(values, np.zeros(20), groups=["monday"] * 20)
    assert change_text(alone) == f"{values.mean():+.3f}"
    mean, low, high = paired_bootstrap(values, np.zeros(20), groups=["monday", "tuesday"] * 10)
    assert change_text([mean, low, high]) == f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"


def test_the_same_seed_gives_the_same_interval_however_it_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=30)
    mean = bootstrap_interval(30, lambda counts: np.asarray(counts @ values / 30))
    monkeypatch.setattr("vidcls.evaluation.intervals._DRAWN_AT_ONCE", 1000)
    assert bootstrap_interval(30, lambda counts: np.asarray(counts @ values / 30)) == pytest.approx(mean, abs=SHARE)


def test_a_resample_without_a_figure_is_left_out() -> None:
    found = bootstrap_interval(3, lambda counts: np.where(counts[:, 0] > 0, counts[:, 0], np.nan))
    assert found == (1.0, 3.0)
    assert bootstrap_interval(3, lambda counts: np.full(len(counts), np.nan)) is None


def test_a_point_is_no_interval() -> None:
    """Also where its ends differ by rounding alone."""
    always = np.array([0.1, 0.1, 0.1])
    assert bootstrap_interval(3, lambda counts: np.asarray(counts @ always / 3)) is None
    assert unless_point((0.0, 0.0)) is unless_point(None) is None
    assert unless_point([0.1 + 0.2, 0.3]) is None
    assert unless_point([0.2, 0.3]) == (0.2, 0.3)
    assert figure_text(1.0, (1.0, 1.0), digits=2) == "1.00"
    assert figure_text(0.8, (0.4, 1.0), digits=2) == "0.80 (0.40 to 1.00)"


def test_the_paired_interval_holds_the_true_difference_95_times_of_100() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        differences = rng.normal(0.3, 1, 50)
        _, low, high = paired_bootstrap(differences, np.zeros(50))
        held += low <= 0.3 <= high
    assert 0.89 <= held / 200 <= 0.99
