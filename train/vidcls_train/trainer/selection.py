"""Which epoch's model is kept, decided on a validation set that may be small.

Of thirty clips one is worth three points, so that the best of a hundred accuracies is mostly luck. What an accuracy
does not tell apart is left to the schedule: later epochs learn at a lower rate, and end steadier.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

# Epochs whose accuracy is averaged: the epoch and those just before it.
SMOOTHED_EPOCHS = 3


def best_row(history: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The entry of the Trainer's log history of the epoch to keep; None before the first validation.

    Each epoch's accuracy is averaged with those just before it. Of the epochs that are within one standard error of
    the best, which is what the number of validation clips can tell, it is the latest.

    Args:
        history: validations have "eval_accuracy" and "eval_clips", what they were measured on.
    """
    rows = _validations(history)
    if not rows:
        return None
    smoothed = _smoothed(rows)
    best = max(smoothed)
    standard_error = math.sqrt(best * (1 - best) / rows[-1]["eval_clips"])
    latest = max(number for number, value in enumerate(smoothed) if value >= best - standard_error)
    return rows[latest]


def epochs_without_progress(history: Sequence[dict[str, Any]]) -> int:
    """How many validations there have been since the best one, by the same average."""
    smoothed = _smoothed(_validations(history))
    return len(smoothed) - 1 - int(np.argmax(smoothed)) if smoothed else 0


def _validations(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in history if "eval_accuracy" in row]


def _smoothed(rows: Sequence[dict[str, Any]]) -> list[float]:
    values = [row["eval_accuracy"] for row in rows]
    return [float(np.mean(values[max(0, end - SMOOTHED_EPOCHS) : end])) for end in range(1, len(values) + 1)]
