"""Windows that slide along a video: where they start, and which frames the model is given of each. No I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vidcls.clips import SampledClips
from vidcls.contract import Contract
from vidcls.sampling import CLOCK_SECONDS, frames_in_window, uniform_indices


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """One stretch of a video, as long as the model's clips, and what the model is given of it.

    start, end: seconds after the video's first frame.
    frames: uint8 RGB [crops, T, crop_size, crop_size, 3].
    timestamps: float64 [T], seconds after the video's first frame of every frame used.
    picture: uint8 RGB [H, W, 3], its newest frame at full size.
    """

    start: float
    end: float
    frames: npt.NDArray[np.uint8] = field(repr=False)
    timestamps: npt.NDArray[np.float64] = field(repr=False)
    picture: npt.NDArray[np.uint8] = field(repr=False)

    def as_clips(self) -> SampledClips:
        """It, as the one view of a video."""
        return SampledClips(
            frames=self.frames,
            windows=[(self.start, self.end)],
            timestamps=self.timestamps[None],
            decoded_share=None,
            decode_ms=0.0,  # done by another thread, while whoever asks waited or was busy with something else
            crop_ms=0.0,
        )


def sliding_starts(*, duration: float, clip_seconds: float, step_seconds: float) -> list[float]:
    """Where the windows of a whole video start: every `step_seconds`, and a last one that ends with it.

    A video no longer than a window has one window, which starts with it.
    """
    slack = duration - clip_seconds
    if slack <= CLOCK_SECONDS:
        return [0.0]
    starts = [step_seconds * k for k in range(math.floor((slack + CLOCK_SECONDS) / step_seconds) + 1)]
    return starts if slack - starts[-1] <= CLOCK_SECONDS else [*starts, slack]


def pick_frames(times: Sequence[float], *, start: float, contract: Contract) -> list[int]:
    """Indices into `times` of the frames that the model is given of a window: the rule of `vidcls.sampling`."""
    sampling = contract.sampling
    inside = frames_in_window(times, start=start, clip_seconds=sampling.clip_seconds)
    return [inside[index] for index in uniform_indices(len(inside), frames=sampling.frames)]
