"""Windows that slide along a video: which there are, and each with its frames, in one pass over the file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vidcls.clips import SampledClips
from vidcls.contract import Contract
from vidcls.preprocessing import crop_frame
from vidcls.sampling import CLOCK_SECONDS, duration_seconds, frames_in_window, uniform_indices
from vidcls.video.reader import VideoSource, iter_frames, read_times


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """One stretch of a video, as long as the model's clips, and what the model is given of it.

    start, end: seconds after the video's first frame.
    frames: uint8 RGB [T, crop_size, crop_size, 3].
    timestamps: float64 [T], seconds after the video's first frame of every frame used.
    picture: uint8 RGB [H, W, 3], its newest frame at full size.
    """

    start: float
    end: float
    frames: npt.NDArray[np.uint8] = field(repr=False)
    timestamps: npt.NDArray[np.float64] = field(repr=False)
    picture: npt.NDArray[np.uint8] = field(repr=False)

    def as_clips(self) -> SampledClips:
        """It, as the one clip of a video."""
        return SampledClips(
            frames=self.frames[None],
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


class FileWindows:
    """The windows of a whole file, in order; iterate once.

    Every frame is decoded, resized and cropped at most once, however many windows it is in, and kept
    only while a window needs it, so memory does not grow with the file (but for the list of its
    frames' times).

    duration: seconds. starts: where its windows start, in seconds.
    """

    def __init__(self, source: VideoSource, contract: Contract, *, step_seconds: float) -> None:
        """Go through the file once for its frames' times.

        Raises:
            VideoError: the video cannot be opened or decoded; also while iterating.
        """
        self._source, self._contract = source, contract
        self.times = read_times(source)
        self.duration = duration_seconds(self.times)
        clip_seconds = contract.sampling.clip_seconds
        self.starts = sliding_starts(duration=self.duration, clip_seconds=clip_seconds, step_seconds=step_seconds)

    def __iter__(self) -> Iterator[Window]:
        clip_seconds = self._contract.sampling.clip_seconds
        wanted = sorted({index for start in self.starts for index in self._pick(start)})
        upcoming = zip(wanted, iter_frames(self._source, wanted), strict=True)
        cropped: dict[int, npt.NDArray[np.uint8]] = {}
        newest, picture = -1, np.empty((0, 0, 3), np.uint8)
        for start in self.starts:
            picked = self._pick(start)
            cropped = {index: frame for index, frame in cropped.items() if index >= picked[0]}
            while newest < picked[-1]:
                newest, picture = next(upcoming)
                cropped[newest] = crop_frame(picture, self._contract.image, crops=1)[0]
            yield Window(
                start=start,
                end=start + clip_seconds,
                frames=np.stack([cropped[index] for index in picked]),
                timestamps=np.array([self.times[index] for index in picked]),
                picture=picture,
            )

    def _pick(self, start: float) -> list[int]:
        return pick_frames(self.times, start=start, contract=self._contract)
