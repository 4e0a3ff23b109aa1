"""Random numbers that a key decides alone, so that a resumed run, or one on more processes, draws the same ones."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# The last number of a key: what is drawn for one purpose is independent of what is drawn for another.
MIXING, DROP_PATH, MASKING, PATCH_DROPOUT = 1, 2, 3, 4


@contextmanager
def seeded_rng(*key: int) -> Iterator[None]:
    """Seed Python's and torch's CPU generators by `key`, and leave both as they were afterwards.

    pytorchvideo's samplers draw from the one, torchvision's transforms from the other.

    Example:
        >>> with seeded_rng(7, 0, 3):
        ...     first = torch.rand(2)
        >>> with seeded_rng(7, 0, 3):
        ...     torch.equal(torch.rand(2), first)
        True
    """
    seed = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8], "big") >> 1
    state = random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            random.seed(seed)
            torch.default_generator.manual_seed(seed)  # the CPU's only: torch.manual_seed also queues work for CUDA
            yield
    finally:
        random.setstate(state)
