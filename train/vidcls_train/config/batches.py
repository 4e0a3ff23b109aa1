"""How batches are cut into parts: for processes that share them, and for steps that gradients are accumulated over."""

from __future__ import annotations

import math

from vidcls.errors import ArgumentError


def check_parts(videos: int, *, batch_size: int, processes: int, accumulation_steps: int) -> None:
    """Refuse parts of which batches have no two clips for each.

    Args:
        videos: of an epoch.
        batch_size: the most clips of a batch, its parts together.
        processes: that share every batch.
        accumulation_steps: parts that each of them computes one after the other.

    Raises:
        ValueError: says which batch size is large enough.
    """
    smallest = videos // math.ceil(videos / batch_size)
    parts = processes * accumulation_steps
    if parts > max(1, math.ceil(smallest / 2)):
        raise ArgumentError(
            f"batches of {smallest} clips cannot be shared by {processes} processes in {accumulation_steps} "
            f"accumulated parts each, of two clips where it can; raise --batch-size to {2 * parts} or more"
        )
