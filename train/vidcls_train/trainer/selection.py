"""Which epoch's model is kept, decided on a validation set that may be small.

By accuracy, where a clip has one label:
Of thirty clips one is worth three points, so that the best of a hundred accuracies is mostly luck. What an accuracy
does not tell apart is left to the schedule: later epochs learn at a lower rate, and end steadier.

By mean average precision, where it has any number: the highest, and of equal ones that of the lowest loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

# Epochs whose accuracy is averaged: the epoch and those just before it.
SMOOTHED_EPOCHS = 3


def best_row(history: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The entry of the Trainer's log history of the epoch to keep; None before the first validation.

    Each epoch's accuracy is averaged with those just before it. Of the epochs that are within one standard error of
    the best, which is what the number of validation clips can tell, it is the latest.

    Args:
        history: validations have "eval_accuracy" and "eval_clips", what they were measured on; or, where a clip has any
            number of labels, "eval_map" and "eval_loss".
    """
    rows = _validations(history)
    if not rows:
        return None
    if "eval_map" in rows[0]:
        return rows[_best_by_map(rows)]
    smoothed = _smoothed(rows)
    best = max(smoothed)
    standard_error = math.sqrt(best * (1 - best) / rows[-1]["eval_clips"])
    latest = max(number for number, value in enumerate(smoothed) if value >= best - standard_error)
    return rows[latest]


def epochs_without_progress(history: Sequence[dict[str, Any]]) -> int:
    """How many validations there have been since the best one, by the same average."""
    rows = _validations(history)
    if rows and "eval_map" in rows[0]:
        return len(rows) - 1 - _best_by_map(rows)
    smoothed = _smoothed(rows)
    return len(smoothed) - 1 - smoothed.index(max(smoothed)) if smoothed else 0


def _validations(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in history if "eval_accuracy" in row or "eval_map" in row]


def _best_by_map(rows: Sequence[dict[str, Any]]) -> int:
    return min(range(len(rows)), key=lambda number: (-rows[number]["eval_map"], rows[number]["eval_loss"], number))


def _smoothed(rows: Sequence[dict[str, Any]]) -> list[float]:
    values = [row["eval_accuracy"] for row in rows]
    windows = [values[max(0, end - SMOOTHED_EPOCHS) : end] for end in range(1, len(values) + 1)]
    # Added up exactly, so that the same accuracies in another order are no better.
    return [math.fsum(window) / len(window) for window in windows]
