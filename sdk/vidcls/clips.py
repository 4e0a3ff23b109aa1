"""One video -> the views and crops that a model looks at, as uint8 RGB frames.

This is the one implementation of sampling, decoding and cropping that prediction, evaluation,
export checks and training's validation share.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.errors import VideoError
from vidcls.preprocessing import crop_frames
from vidcls.sampling import View, sample_views
from vidcls.video.frame_index import TimeTable
from vidcls.video.frames import DIFFERS, MispredictedError, decoded_share, predict_table, read_frames
from vidcls.video.interlacing import InterlacedError, converted
from vidcls.video.protocol import Frame
from vidcls.video.reader import Decoder, open_video
from vidcls.video.source import VideoSource


@dataclass(frozen=True, kw_only=True)
class SampledClips:
    """What the model sees of one video.

    frames: uint8 RGB [views * crops, T, crop_size, crop_size, 3]; a view's crops are neighbours.
    windows: (start, end) in seconds of each view.
    timestamps: float64 [views, T], seconds after the video's first frame of every frame used.
    decoded_share: how much of the length that the container states could be decoded, 0 to 1; below 1 in a
        video that was cut off, or whose header is wrong. None if it states no length.
    decode_ms, crop_ms: time spent on decoding, and what resizing and cropping added to it.
    """

    frames: npt.NDArray[np.uint8]
    windows: list[tuple[float, float]]
    timestamps: npt.NDArray[np.float64]
    decoded_share: float | None
    decode_ms: float
    crop_ms: float


def check_views(contract: Contract, *, views: int, crops: int) -> None:
    """Raise ValueError unless `views` and `crops` can be taken with this contract."""
    if views < 1:
        raise ValueError(f"views is {views}, expected at least 1")
    if crops not in (1, 3):
        raise ValueError(f"crops is {crops}, expected 1 or 3")
    if crops == 3 and contract.image.resize == "stretch":
        raise ValueError("crops is 3, but this model stretches the whole frame to a square, so there is only 1 crop")


def read_clips(
    source: VideoSource, contract: Contract, *, views: int = 1, crops: int = 1, decoder: Decoder = "auto"
) -> SampledClips:
    """Sample, decode, resize and crop the views of one video as `contract` says.

    Memory does not grow with the video: frames are cropped as they are decoded.

    Raises:
        VideoError: the video cannot be opened or decoded.
        DependencyError: decoder="pyav" without PyAV.
        ValueError: `views` or `crops` cannot be taken with this contract.
    """
    check_views(contract, views=views, crops=crops)
    try:
        return _read_clips(source, contract, views=views, crops=crops, decoder=decoder)
    except InterlacedError:
        if decoder == "opencv":
            raise
        return _read_clips(source, contract, views=views, crops=crops, decoder="pyav")


def _read_clips(source: VideoSource, contract: Contract, *, views: int, crops: int, decoder: Decoder) -> SampledClips:
    started = time.perf_counter()
    sampling = contract.sampling
    with open_video(source, decoder=decoder) as video:

        def crop_sampled(table: TimeTable) -> tuple[list[View], dict[int, npt.NDArray[np.uint8]], float]:
            """The views by this table, the crops of each frame they need, and the seconds spent on decoding."""
            sampled = sample_views(
                table.times,
                duration=table.duration,
                frames=sampling.frames,
                clip_seconds=sampling.clip_seconds,
                views=views,
            )
            wanted = sorted({index for view in sampled for index in view.indices})
            spans = [(view.indices[0], view.indices[-1]) for view in sampled]
            frames = read_frames(video, table, wanted, spans=spans)
            decoded = _Timed(frames if decoder == "pyav" else converted(frames, video, source))
            cropped = dict(zip(wanted, crop_frames(decoded, contract.image, crops=crops), strict=True))
            return sampled, cropped, decoded.seconds

        table = predict_table(video, clip_seconds=sampling.clip_seconds, views=views)
        predicted = time.perf_counter()
        try:
            sampled, cropped, decode_seconds = crop_sampled(table)
        except MispredictedError as wrong:
            table = wrong.table
            try:
                sampled, cropped, decode_seconds = crop_sampled(table)
            except MispredictedError:
                raise VideoError(video.name, DIFFERS) from None
        share = decoded_share(video, table)
    decode_seconds += predicted - started
    frames = np.concatenate([np.stack([cropped[index] for index in view.indices], axis=1) for view in sampled])
    elapsed = time.perf_counter() - started
    return SampledClips(
        frames=frames,
        windows=[(view.start_seconds, view.end_seconds) for view in sampled],
        timestamps=np.array([[table.times[index] for index in view.indices] for view in sampled]),
        decoded_share=share,
        decode_ms=decode_seconds * 1000,
        crop_ms=(elapsed - decode_seconds) * 1000,
    )


class _Timed:
    """An iterator that counts the seconds which its items take to come."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames = frames
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        before = time.perf_counter()
        try:
            return next(self._frames)
        finally:
            self.seconds += time.perf_counter() - before
