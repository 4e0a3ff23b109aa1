"""The proof a model carries with it: a generated clip, PyTorch's logits for it, and the file's own hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What `VideoClassifier.verify` found.

    max_abs_diff: largest |difference| between this device's logits and PyTorch's, NaN if there are
        none. problem: one sentence if the proof failed, else None.
    """

    ok: bool
    max_abs_diff: float
    tolerance: float
    device: str
    precision: str
    problem: str | None


def pattern_1(*, frames: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """The clip "pattern-1": uint8 RGB [T, H, W, 3].

    The value at (t, y, x, c) is (37t + 5y + 3x + 71c + ((x * y) >> 4)) mod 256.
    """
    t, y, x, c = np.ogrid[:frames, :height, :width, :3]
    values = (37 * t + 5 * y + 3 * x + 71 * c + ((x * y) >> 4)) % 256
    return np.asarray(values, np.uint8)


def file_sha256(path: Path, *, recorded: str) -> str:
    """SHA-256 of the file, with its own recorded hash (64 characters) read as zeros."""
    content = path.read_bytes()
    return hashlib.sha256(content.replace(recorded.encode("ascii"), b"0" * 64)).hexdigest()
