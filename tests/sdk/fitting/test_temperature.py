"""Temperatures against SciPy's minimum of the same sum, and recovered from answers drawn at a known one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vidcls.evaluation.answers import Answers, answers_of
from vidcls.fitting.temperature import HIGHEST, LOWEST, PRIOR_SD, fit_temperature

SETS = 200

# Two searches for the same minimum stop where float64 no longer sees it fall: at about the root of its precision.
SEARCHED = 1e-5
# Intervals are read between 121 points of the posterior; 2 in 1000 is far below what anyone prints.
INTERPOLATED = 2e-3


def drawn(rng: np.random.Generator, *, temperature: float, clips: int, labels: int = 8, spread: float = 1.5) -> Answers:
    """Logits, with labels as often true as softmax(logits / temperature) says."""
    logits = rng.normal(0, spread, (clips, labels))
    gumbel = rng.gumbel(size=logits.shape)
    return answers_of(logits, (logits / temperature + gumbel).argmax(axis=1).tolist(), [str(i) for i in range(labels)])


def drawn_sigmoid(rng: np.random.Generator, *, temperature: float, clips: int) -> Answers:
    logits = rng.normal(0, 2, (clips, 4))
    return Answers(logits=logits, targets=rng.random(logits.shape) < 1 / (1 + np.exp(-logits / temperature)))


@pytest.mark.parametrize("temperature", [0.3, 0.6, 1.0, 2.5])
@pytest.mark.parametrize("clips", [1, 5, 31, 400])
def test_it_is_scipys_minimum_of_log_loss_and_prior(temperature: float, clips: int) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    special = pytest.importorskip("scipy.special")
    answers = drawn(np.random.default_rng(clips), temperature=temperature, clips=clips)
    truth = answers.targets.argmax(axis=1)

    def loss(log_temperature: float) -> float:
        logs = special.log_softmax(answers.logits / math.exp(log_temperature), axis=1)
        return float(-logs[np.arange(clips), truth].sum() + log_temperature**2 / (2 * 0.5**2))

    expected = optimize.minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded").x
    fit = fit_temperature(answers, activation="softmax")
    assert math.log(fit.temperature) == pytest.approx(expected, abs=SEARCHED)
    assert fit.videos == clips


def test_of_sigmoid_every_label_counts_by_itself() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    special = pytest.importorskip("scipy.special")
    answers = drawn_sigmoid(np.random.default_rng(0), temperature=1.7, clips=60)

    def loss(log_temperature: float) -> float:
        found = special.expit(answers.logits / math.exp(log_temperature))
        likelihood = special.xlogy(answers.targets, found) + special.xlogy(~answers.targets, 1 - found)
        return float(-likelihood.sum() + log_temperature**2 / (2 * 0.5**2))

    expected = optimize.minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded").x
    fit = fit_temperature(answers, activation="sigmoid")
    assert math.log(fit.temperature) == pytest.approx(expected, abs=SEARCHED)


def test_the_interval_is_that_of_a_plain_sum_over_a_fine_grid() -> None:
    answers = drawn(np.random.default_rng(3), temperature=0.6, clips=31)
    truth = answers.targets.argmax(axis=1)
    grid = np.linspace(math.log(0.05), math.log(20), 20_001)
    logs = []
    for value in grid:
        scaled = answers.logits / math.exp(value)
        likelihood = scaled[np.arange(31), truth] - np.log(np.exp(scaled).sum(axis=1))
        logs.append(likelihood.sum() - value**2 / (2 * 0.5**2))
    posterior = np.cumsum(np.exp(np.array(logs) - max(logs)))
    expected = np.exp(grid[np.searchsorted(posterior / posterior[-1], [0.025, 0.975])])
    interval = fit_temperature(answers, activation="softmax").interval
    assert interval == pytest.approx(expected.tolist(), rel=INTERPOLATED)


@pytest.mark.parametrize(("sigmoid", "clips"), [(False, 31), (True, 20)])
def test_intervals_hold_the_true_temperature_95_times_of_100(*, sigmoid: bool, clips: int) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(SETS):
        # As the prior says that temperatures are, so that its interval is the right one.
        true = math.exp(rng.normal(0, PRIOR_SD))
        draw = drawn_sigmoid if sigmoid else drawn
        low, high = fit_temperature(
            draw(rng, temperature=true, clips=clips), activation="sigmoid" if sigmoid else "softmax"
        ).interval
        held += low <= true <= high
    assert 0.90 <= held / SETS <= 0.985  # 0.95, 3.2 standard deviations of 200 draws below and 2.3 above


def test_31_clips_scatter_less_than_without_the_prior() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    special = pytest.importorskip("scipy.special")
    rng = np.random.default_rng(2)
    with_prior, without = [], []
    for _ in range(60):
        answers = drawn(rng, temperature=0.6, clips=31)

        def loss(value: float, answers: Answers = answers) -> float:
            return float(-special.log_softmax(answers.logits / math.exp(value), axis=1)[answers.targets].sum())

        without.append(optimize.minimize_scalar(loss, bounds=(math.log(0.05), math.log(20)), method="bounded").x)
        with_prior.append(math.log(fit_temperature(answers, activation="softmax").temperature))
    assert np.std(with_prior) < 0.95 * np.std(without)
    assert abs(np.mean(with_prior) - math.log(0.6)) < 0.1  # the price: pulled towards 1 by less than a tenth


def test_many_clips_are_not_moved_by_the_prior() -> None:
    fit = fit_temperature(drawn(np.random.default_rng(2), temperature=0.4, clips=2000), activation="softmax")
    assert fit.temperature == pytest.approx(0.4, rel=0.05)
    assert fit.interval[0] > 0.36
    assert fit.interval[1] < 0.44


NAMES = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("logits", "class_ids", "least", "most"),
    [
        ([[2.0, 0, 0]], [0], 0.5, 1.0),  # one clip, right
        ([[2.0, 0, 0]], [1], 1.0, 2.0),  # one clip, wrong
        ([[9.0, 0, 0]] * 40, [0] * 40, 0.3, 1.0),  # all right: as sharp as the prior allows
        ([[9.0, 0, 0]] * 40, [1] * 40, 3.0, HIGHEST),  # all wrong
        ([[1e6, 0, -1e6]] * 9, [2] * 9, HIGHEST - 1e-4, HIGHEST),
        ([[1e6, 0, -1e6]] * 9, [0] * 9, 0.99, 1.01),  # whatever the temperature, right
        ([[1e-9, 0, 0]] * 9, [0] * 9, 0.99, 1.01),
        ([[5.0, 5, 5]] * 9, [0, 1, 2] * 3, 0.99, 1.01),  # constant logits say nothing
        ([[0.05, 0, 0]] * 4000, [0] * 4000, LOWEST, LOWEST + 1e-4),
    ],
)
def test_it_stays_in_its_range_whatever_it_is_given(
    logits: list[list[float]], class_ids: list[int], least: float, most: float
) -> None:
    fit = fit_temperature(answers_of(np.array(logits, np.float32), class_ids, NAMES), activation="softmax")
    low, high = fit.interval
    assert least <= fit.temperature <= most
    assert LOWEST <= low <= high <= HIGHEST


def test_a_clip_that_shows_none_of_the_labels_is_left_out() -> None:
    logits = np.array([[2.0, 0.0], [9.0, 0.0], [0.5, 0.0]])
    with_it = fit_temperature(answers_of(logits, [0, None, 1], ["a", "b"]), activation="softmax")
    assert with_it == fit_temperature(answers_of(logits[[0, 2]], [0, 1], ["a", "b"]), activation="softmax")
    assert with_it.videos == 2


def test_without_any_clip_it_is_the_priors() -> None:
    fit = fit_temperature(answers_of(np.zeros((2, 2)), [None, None], ["a", "b"]), activation="softmax")
    assert fit.temperature == pytest.approx(1, abs=SEARCHED)
    assert fit.interval == pytest.approx((math.exp(-1.96 * 0.5), math.exp(1.96 * 0.5)), rel=INTERPOLATED)
