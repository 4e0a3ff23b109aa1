"""One video -> the clips that a model is given: its views and crops, as uint8 RGB frames.

This is the one implementation of sampling, decoding and cropping that prediction, evaluation,
export checks and training's validation share.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.errors import ArgumentError, VideoError
from vidcls.preprocessing import Crop, crop_frame, crop_frames, cut_region
from vidcls.region import Region, check_region
from vidcls.sampling import sample_views, stretch_frames, uniform_indices
from vidcls.video.protocol import Picture
from vidcls.video.reader import Decoder, open_video
from vidcls.video.source import VideoSource, source_name


@dataclass(frozen=True, kw_only=True)
class SampledClips:
    """What the model is given of one video.

    frames: uint8 RGB [views * crops, T, crop_size, crop_size, 3]; a view's crops are neighbours.
    windows: (start, end) in seconds of each view.
    timestamps: float64 [views, T], seconds after the video's first frame of every frame used.
    decoded_share: how much of the video could be decoded, 0 to 1: what came out compared with what its packets
        show; below 1 where it was cut off or is damaged. None of a live source.
    decode_ms, crop_ms: time spent on decoding, and what converting to RGB, resizing and cropping added to it.
    video: its name, see `source_name`; None of frames, and of a stream.
    """

    frames: npt.NDArray[np.uint8]
    windows: list[tuple[float, float]]
    timestamps: npt.NDArray[np.float64]
    decoded_share: float | None
    decode_ms: float
    crop_ms: float
    video: str | None = None


# More windows than this hold gigabytes of pixels at once.
MAX_VIEWS = 1000


def check_views(contract: Contract, *, views: int, crops: int, region: Region | None = None) -> None:
    """Raise ValueError or TypeError unless `views`, `crops` and `region` can be taken with this contract."""
    if not isinstance(views, Integral) or isinstance(views, bool):
        raise TypeError(f"views is {views!r}, expected a whole number from 1 to {MAX_VIEWS}")
    if not 1 <= views <= MAX_VIEWS:
        hint = "; timeline answers for every moment of a long video" if views > MAX_VIEWS else ""
        raise ArgumentError(f"views is {views}, expected 1 to {MAX_VIEWS}{hint}")
    check_region(region)
    if crops not in (1, 3):
        raise ArgumentError(f"crops is {crops!r}, expected the number 1 or 3")
    if crops == 3 and contract.image.resize == "stretch":
        raise ArgumentError("crops is 3, but this model stretches the whole frame to a square, so there is only 1 crop")


def source_crop(source: int | VideoSource, contract: Contract, *, crops: int, region: Region | None) -> Crop:
    """What the model is given of each frame of a source: `crop_frame`, with errors that name the source.

    Raises:
        ValueError: `crops` or `region` cannot be taken with this contract.
    """
    check_views(contract, views=1, crops=crops, region=region)

    def crop(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return crop_frame(cut_source(frame, source, region), contract.image, crops=crops)

    return crop


def cut_source(frame: npt.NDArray[np.uint8], source: int | VideoSource, region: Region | None) -> npt.NDArray[np.uint8]:
    """`cut_region` of a frame of a source.

    Raises:
        VideoError: the source's pictures are too small for the region.
    """
    try:
        return cut_region(frame, region)
    except ArgumentError as problem:
        raise VideoError(source_name(source), str(problem)) from None


def read_clips(
    source: VideoSource,
    contract: Contract,
    *,
    views: int = 1,
    crops: int = 1,
    region: Region | None = None,
    decoder: Decoder = "auto",
    stretch: tuple[float, float] | None = None,
) -> SampledClips:
    """Sample, decode, resize and crop the views of one video as `contract` says.

    Memory does not grow with the video: frames are cropped as they are decoded.

    Args:
        source: of the video.
        contract: says how.
        views: windows spread over the video.
        crops: of each window, 1 or 3.
        region: left, top, right, bottom of the part of the picture that is taken, as shares; None for all of it.
        decoder: as for `open_video`.
        stretch: (start, end) in seconds after the video's first frame, of which views are taken, and times counted, as
            if the file was cut there; None for all of it.

    Raises:
        VideoError: the video cannot be opened or decoded, or the region is less than a pixel of it.
        DependencyError: decoder="pyav" without PyAV.
        ValueError: `views`, `crops` or `region` cannot be taken with this contract.
    """
    check_views(contract, views=views, crops=crops, region=region)
    started = time.perf_counter()
    with open_video(source, decoder=decoder) as video:
        crop = partial(_crop, crop=source_crop(source, contract, crops=crops, region=region))
        sampling = contract.sampling
        read = video.read_views(
            crop, frames=sampling.frames, clip_seconds=sampling.clip_seconds, views=views, stretch=stretch
        )
        share = video.decoded_share
    cropped, waited = read.taken
    times = read.frame_index.times
    origin = 0.0 if stretch is None else times[stretch_frames(times, stretch).start]
    return SampledClips(
        frames=_clips([view.indices for view in read.views], cropped),
        windows=[(view.start_seconds, view.end_seconds) for view in read.views],
        timestamps=np.array([[times[index] - origin for index in view.indices] for view in read.views]),
        decoded_share=share,
        decode_ms=(time.perf_counter() - started - waited) * 1000,
        crop_ms=waited * 1000,
        video=source_name(source),
    )


def crop_clip(
    frames: Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8], contract: Contract, *, region: Region | None = None
) -> SampledClips:
    """Resize and crop the frames of one clip as `contract` says; one crop, in the middle.

    Args:
        frames: uint8 RGB [H, W, 3], upright, any number of them: where they are not as many as the model takes, it is
            given frames evenly spread over them, first and last included, by the sampling rule.
        contract: says how.
        region: as for `read_clips`.

    Raises:
        ValueError: the region is out of range, or less than a pixel.
    """
    check_views(contract, views=1, crops=1, region=region)
    started = time.perf_counter()
    picked = uniform_indices(len(frames), frames=contract.sampling.frames)
    return SampledClips(
        frames=_crop_given([picked], frames, contract, crops=1, region=region),
        windows=[],
        timestamps=np.empty((0, len(picked))),
        decoded_share=None,
        decode_ms=0.0,
        crop_ms=(time.perf_counter() - started) * 1000,
    )


def sample_clips(
    frames: Sequence[npt.NDArray[np.uint8]],
    times: Sequence[float],
    contract: Contract,
    *,
    views: int = 1,
    crops: int = 1,
    region: Region | None = None,
) -> SampledClips:
    """What `read_clips` makes of a file with these frames at these times.

    Args:
        frames: uint8 RGB [H, W, 3], upright.
        times: seconds after the first frame, strictly increasing.
        contract, views, crops, region: as for `read_clips`.

    Raises:
        ValueError: `views`, `crops` or `region` cannot be taken with this contract, or the region is less than a pixel.
    """
    check_views(contract, views=views, crops=crops, region=region)
    started = time.perf_counter()
    sampling = contract.sampling
    sampled = sample_views(times, frames=sampling.frames, clip_seconds=sampling.clip_seconds, views=views)
    picked = [view.indices for view in sampled]
    return SampledClips(
        frames=_crop_given(picked, frames, contract, crops=crops, region=region),
        windows=[(view.start_seconds, view.end_seconds) for view in sampled],
        timestamps=np.array([[times[index] for index in indices] for indices in picked]),
        decoded_share=None,
        decode_ms=0.0,
        crop_ms=(time.perf_counter() - started) * 1000,
    )


def _crop_given(
    picked: Sequence[Sequence[int]],
    frames: Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8],
    contract: Contract,
    *,
    crops: int,
    region: Region | None,
) -> npt.NDArray[np.uint8]:
    """uint8 [views * crops, T, h, w, 3] of frames in memory, of which each that is picked is cropped once."""
    wanted = sorted({index for indices in picked for index in indices})
    pictures = (partial(np.asarray, frames[index]) for index in wanted)
    crop = partial(crop_frame, image=contract.image, crops=crops, region=region)
    return _clips(picked, dict(zip(wanted, crop_frames(pictures, crop), strict=True)))


def _crop(
    wanted: Sequence[int], pictures: Iterator[Picture], *, crop: Crop
) -> tuple[dict[int, npt.NDArray[np.uint8]], float]:
    """The crops, uint8 [crops, h, w, 3], of each frame by its number, and the seconds that decoding did not cover."""
    decoded = _Timed(pictures)
    started = time.perf_counter()
    cropped = dict(zip(wanted, crop_frames(decoded, crop), strict=True))
    return cropped, time.perf_counter() - started - decoded.seconds


def _clips(picked: Sequence[Sequence[int]], cropped: Mapping[int, npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """uint8 [views * crops, T, h, w, 3] of the frames picked for each view and the crops of each frame."""
    crops, *shape = cropped[picked[0][0]].shape
    clips = np.empty((len(picked), crops, len(picked[0]), *shape), np.uint8)
    for view, indices in enumerate(picked):
        for number, index in enumerate(indices):
            clips[view, :, number] = cropped[index]
    return clips.reshape(-1, *clips.shape[2:])


class _Timed:
    """An iterator that counts the seconds which its items take to come."""

    def __init__(self, pictures: Iterator[Picture]) -> None:
        self._pictures = pictures
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Picture]:
        return self

    def __next__(self) -> Picture:
        before = time.perf_counter()
        try:
            return next(self._pictures)
        finally:
            self.seconds += time.perf_counter() - before
