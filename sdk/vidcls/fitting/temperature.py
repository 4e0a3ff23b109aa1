"""The temperature: by how much logits are divided so that probabilities come true as often as they say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from vidcls.contract import NEUTRAL
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.calibration import log_losses

# The prior: log T is normal around 0. Temperatures of trained networks lie mostly between 0.4 and 2.7, two
# standard deviations either way. 31 clips alone fit log T with a scatter of 0.17, which this hardly moves; five clips,
# or any number that are all right, would give whatever the range allows, and with it stay near 1.
PRIOR_SD = 0.5

# The range of a contract's temperature.
LOWEST, HIGHEST = 0.05, 20.0

_COARSE, _FINE = 61, 121
# What is less probable than the most probable temperature by this factor, in logarithms, is left out of the interval.
_NEGLIGIBLE = 14.0
_GOLDEN = (math.sqrt(5) - 1) / 2
_STEPS = 28


@dataclass(frozen=True, kw_only=True)
class TemperatureFit:
    """The most probable temperature, its 95 % interval, and how many clips it was fitted on."""

    temperature: float
    interval: tuple[float, float]
    videos: int


def fit_temperature(answers: Answers, *, activation: Literal["softmax", "sigmoid"]) -> TemperatureFit:
    """The temperature of the largest likelihood times prior, and the middle 95 % of that posterior.

    The likelihood is that of the clips' labels: of softmax the class, so that a clip without one is left out; of
    sigmoid every label by itself, as if a clip's labels had nothing to do with each other, which makes the interval a
    little too narrow. Clips of one footage are taken as independent too. Without any clip the answer is the prior's:
    1, from 0.38 to 2.66.

    >>> import numpy as np
    >>> from vidcls.evaluation.answers import answers_of
    >>> from vidcls.fitting.temperature import fit_temperature
    >>> right_two_times_of_three = answers_of(np.tile([1.4, 0.0], (3000, 1)), [0, 0, 1] * 1000, ["clap", "wave"])
    >>> fit = fit_temperature(right_two_times_of_three, activation="softmax")
    >>> print(f"{fit.temperature:.1f}")  # softmax([1.4, 0] / 2.0) is [0.67, 0.33]
    2.0
    """
    usable = answers if activation == "sigmoid" else answers[np.flatnonzero(answers.targets.any(axis=1))]

    def log_posterior(log_temperature: float) -> float:
        decision = replace(NEUTRAL, activation=activation, temperature=math.exp(log_temperature))
        losses = log_losses(usable, decision) * (usable.logits.shape[1] if activation == "sigmoid" else 1)
        return -float(losses.sum()) - (log_temperature / PRIOR_SD) ** 2 / 2

    grid = np.linspace(math.log(LOWEST), math.log(HIGHEST), _COARSE)
    heights = np.array([log_posterior(value) for value in grid])
    best = int(heights.argmax())
    step = grid[1] - grid[0]
    mode = _highest(log_posterior, max(grid[0], grid[best] - step), min(grid[-1], grid[best] + step))
    likely = grid[heights > log_posterior(mode) - _NEGLIGIBLE]
    first, last = (min(likely[0], mode), max(likely[-1], mode)) if len(likely) else (mode, mode)
    interval = _interval(log_posterior, max(grid[0], first - step), min(grid[-1], last + step))
    return TemperatureFit(temperature=min(HIGHEST, max(LOWEST, math.exp(mode))), interval=interval, videos=len(usable))


def _highest(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one maximum between two points has it: golden-section search."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(_STEPS):
        if at_left > at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
    return (low + high) / 2


def _interval(log_density: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """The middle 95 % of exp of a variable whose log density is given, from `low` to `high`."""
    grid = np.linspace(low, high, _FINE)
    heights = np.array([log_density(value) for value in grid])
    density = np.exp(heights - heights.max())
    cumulated = np.append(0.0, np.cumsum((density[1:] + density[:-1]) / 2))
    ends = np.exp(np.interp([0.025, 0.975], cumulated / cumulated[-1], grid))
    return float(max(LOWEST, ends[0])), float(min(HIGHEST, ends[1]))
