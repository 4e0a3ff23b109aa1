"""One video -> the clips that a model is given: its views and crops, as uint8 RGB frames.

This is the one implementation of sampling, decoding and cropping that prediction, evaluation,
export checks and training's validation share.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.errors import VideoError
from vidcls.preprocessing import crop_frames
from vidcls.sampling import View, sample_views
from vidcls.video.frame_index import FrameIndex
from vidcls.video.frames import DIFFERS, MispredictedError, decoded_share, predict_index, read_frames
from vidcls.video.interlacing import InterlacedError, converted
from vidcls.video.protocol import Frame, Video
from vidcls.video.reader import Decoder, open_video
from vidcls.video.source import VideoSource


@dataclass(frozen=True, kw_only=True)
class SampledClips:
    """What the model is given of one video.

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


def crop_clip(frames: npt.NDArray[np.uint8], contract: Contract) -> SampledClips:
    """Resize and crop the frames of one clip as `contract` says; one crop, in the middle.

    Args:
        frames: uint8 RGB [T, H, W, 3], upright, T as many as the model takes.
        contract: says how.

    Raises:
        TypeError: not a uint8 array.
        ValueError: of another shape.
    """
    _check_frames(frames, expected=contract.sampling.frames)
    started = time.perf_counter()
    cropped = np.stack(list(crop_frames(frames, contract.image, crops=1)), axis=1)
    return SampledClips(
        frames=cropped,
        windows=[],
        timestamps=np.empty((0, len(frames))),
        decoded_share=None,
        decode_ms=0.0,
        crop_ms=(time.perf_counter() - started) * 1000,
    )


def _read_clips(source: VideoSource, contract: Contract, *, views: int, crops: int, decoder: Decoder) -> SampledClips:
    started = time.perf_counter()
    with open_video(source, decoder=decoder) as video:
        predicted = predict_index(video, clip_seconds=contract.sampling.clip_seconds, views=views)
        opened = time.perf_counter()
        # PyAV's frames need no proof that they were converted.
        check = partial(converted, video=video, source=source) if decoder != "pyav" else iter
        crop = partial(_crop_views, video, contract=contract, views=views, crops=crops, check=check)
        try:
            found = crop(predicted)
        except MispredictedError as wrong:
            try:
                found = crop(wrong.frame_index)
            except MispredictedError:
                raise VideoError(video.name, DIFFERS) from None
        share = decoded_share(video, found.frame_index)
    decode_seconds = opened - started + found.decode_seconds
    frames = [np.stack([found.crops[index] for index in view.indices], axis=1) for view in found.views]
    times = found.frame_index.times
    clips = np.concatenate(frames)
    return SampledClips(
        frames=clips,
        windows=[(view.start_seconds, view.end_seconds) for view in found.views],
        timestamps=np.array([[times[index] for index in view.indices] for view in found.views]),
        decoded_share=share,
        decode_ms=decode_seconds * 1000,
        crop_ms=(time.perf_counter() - started - decode_seconds) * 1000,
    )


@dataclass(frozen=True, kw_only=True)
class _CroppedViews:
    """Views by a frame index, the crops uint8 [crops, h, w, 3] of each frame they need, and what decoding took."""

    frame_index: FrameIndex
    views: list[View]
    crops: dict[int, npt.NDArray[np.uint8]]
    decode_seconds: float


def _crop_views(
    video: Video,
    frame_index: FrameIndex,
    *,
    contract: Contract,
    views: int,
    crops: int,
    check: Callable[[Iterator[Frame]], Iterator[Frame]],
) -> _CroppedViews:
    sampling = contract.sampling
    sampled = sample_views(
        frame_index.times,
        duration=frame_index.duration,
        frames=sampling.frames,
        clip_seconds=sampling.clip_seconds,
        views=views,
    )
    wanted = sorted({index for view in sampled for index in view.indices})
    spans = [(view.indices[0], view.indices[-1]) for view in sampled]
    decoded = _Timed(check(read_frames(video, frame_index, wanted, spans=spans)))
    cropped = dict(zip(wanted, crop_frames(decoded, contract.image, crops=crops), strict=True))
    return _CroppedViews(frame_index=frame_index, views=sampled, crops=cropped, decode_seconds=decoded.seconds)


def _check_frames(frames: npt.NDArray[np.uint8], *, expected: int) -> None:
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
        kind = f"{frames.dtype} array" if isinstance(frames, np.ndarray) else type(frames).__name__
        raise TypeError(f"frames is a {kind}, expected a uint8 numpy array [T, H, W, 3], RGB")
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise ValueError(f"frames has shape {list(frames.shape)}, expected [{expected}, H, W, 3]")
    if len(frames) != expected:
        raise ValueError(f"frames holds {len(frames)} frames, expected {expected}, the number this model takes")


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
