"""What a run logged, as metrics.json holds it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def history_fields(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The Trainer's log history with null for what JSON has no number for.

    That is the gradients' size where fp16 overflowed, in a step that was skipped.

    Example:
        >>> history_fields([{"loss": 1.5, "grad_norm": float("nan"), "step": 3}])
        [{'loss': 1.5, 'grad_norm': None, 'step': 3}]
    """
    return [{name: value if _is_json(value) else None for name, value in row.items()} for row in history]


def _is_json(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
