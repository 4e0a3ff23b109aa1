"""Which epoch's model is kept, decided on a validation set that may be small.

Thirty clips make an accuracy that jumps by three points for one clip, and its maximum over a hundred
epochs is mostly luck. The loss says more per clip than right or wrong does, and a mean over
neighbouring epochs says more than one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# Epochs whose validation loss is averaged: the epoch and those just before it.
SMOOTHED_EPOCHS = 3


def best_row(history: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The entry of the Trainer's log history of the epoch to keep; None before the first validation.

    It is the one with the lowest mean of its own validation loss and those of the epochs before it, as many
    as there are up to SMOOTHED_EPOCHS; of equal ones the latest.
    """
    rows = [row for row in history if "eval_loss" in row]
    if not rows:
        return None
    smoothed = _smoothed([row["eval_loss"] for row in rows])
    return rows[len(rows) - 1 - int(np.argmin(smoothed[::-1]))]


def epochs_without_progress(history: Sequence[dict[str, Any]]) -> int:
    """How many validations there have been since the best one."""
    rows = [row for row in history if "eval_loss" in row]
    best = best_row(rows)
    return 0 if best is None else len(rows) - 1 - rows.index(best)


def _smoothed(losses: Sequence[float]) -> list[float]:
    return [float(np.mean(losses[max(0, end - SMOOTHED_EPOCHS) : end])) for end in range(1, len(losses) + 1)]
