"""Windows that show what was answered before: they are answered again, and the model is not run. No thread, no clock.

Every frame of a window is compared with the frame of the same number of the last window that the model *answered*,
never with that of the last window repeated, so that slow change adds up until it counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vidcls.clips import SampledClips
from vidcls.errors import ArgumentError
from vidcls.prediction import Prediction

Classify: TypeAlias = Callable[[SampledClips], Prediction]

# Of 255, by how much one of a pixel's colours has to differ before the pixel has changed: a fixed threshold, fitted to
# no camera, meant to be more than what its noise and its encoder make of a still scene once that is resized.
CHANGED_LEVELS = 16


class Repeats:
    """The last answer of one source, given again while what the model is shown stays the same.

    motion: the share of the picture, 0 to 1, that has to have changed in one of a window's frames for it to be
        answered anew; see `changed_share`. At 0 a window is answered again only where it is bit for bit the same.
    """

    def __init__(self, *, motion: float) -> None:
        self._motion = motion
        self._frames: npt.NDArray[np.uint8] | None = None
        self._answer: Prediction | None = None

    def answer(self, clips: SampledClips, classify: Classify) -> tuple[Prediction, bool]:
        """The answer, and whether it is the one before, now with these clips' windows and timestamps."""
        if self._answer is not None and self._frames is not None and self._is_same(self._frames, clips.frames):
            return _again(self._answer, clips), True
        self._answer, self._frames = classify(clips), clips.frames
        return self._answer, False

    def _is_same(self, before: npt.NDArray[np.uint8], frames: npt.NDArray[np.uint8]) -> bool:
        if np.array_equal(before, frames):
            return True
        return self._motion > 0 and before.shape == frames.shape and changed_share(before, frames) < self._motion


def check_motion(motion: float) -> None:
    """Raise ValueError unless it is a share."""
    if not 0 <= motion <= 1:
        raise ArgumentError(f"motion is {motion}, expected a share of the picture, from 0 to 1")


def changed_share(before: npt.NDArray[np.uint8], frames: npt.NDArray[np.uint8]) -> float:
    """The share of pixels, 0 to 1, that differ in the frame in which most do.

    A pixel differs where one of its colours does by more than CHANGED_LEVELS of 255. Both are uint8 RGB [..., H, W, 3]
    of the same shape, and frames of the same place are compared with each other.
    """
    size = before.shape[-3:]
    return max(map(_differing_share, before.reshape(-1, *size), frames.reshape(-1, *size)))


def _differing_share(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    difference = np.maximum(one, other) - np.minimum(one, other)
    return float(np.mean(difference.max(axis=-1) > CHANGED_LEVELS))


def _again(answer: Prediction, clips: SampledClips) -> Prediction:
    return replace(
        answer,
        windows=clips.windows,
        timestamps=clips.timestamps,
        timing_ms=dict.fromkeys(answer.timing_ms, 0.0),
    )
