"""Any source -> clips -> predictions, one by one or many: decoding in threads, inference in the caller's."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from typing import Any

import numpy as np

from vidcls.clips import SampledClips, check_views, read_clips, sample_clips, source_crop
from vidcls.concurrency.prefetch import map_ahead
from vidcls.contract import Contract, ModelContract
from vidcls.cpus import usable_cpus
from vidcls.errors import ArgumentError, VideoError
from vidcls.inputs.frames import Frames, Shown, as_frames, frame_times, is_frames
from vidcls.inputs.kinds import VideoInput, one_video
from vidcls.inputs.sources import check_is_one
from vidcls.live.snapshot import capture_clip
from vidcls.prediction import Prediction
from vidcls.preprocessing import normalise
from vidcls.region import Region
from vidcls.runtime.session import Session, run_checked
from vidcls.video.reader import Decoder, EndlessError
from vidcls.video.source import VideoSource, is_live, source_name

# Of 19: threads that decode ahead give way to inference.
NICENESS = 10


class LiveOptionError(ArgumentError):
    """A live source was given an option that only a file can have."""


def read_source(
    source: int | VideoSource,
    contract: Contract,
    *,
    views: int = 1,
    crops: int = 1,
    region: Region | None = None,
    decoder: Decoder = "auto",
) -> SampledClips:
    """The clips of a video file, or one clip of what a camera or a live stream shows from now on.

    Raises:
        VideoError: it cannot be opened or decoded, or no picture comes.
        DependencyError: decoder="pyav" without PyAV.
        ValueError: `views`, `crops` or `region` cannot be taken with this contract, or `views` of a live source.
    """
    if not is_live(source):
        try:
            file: VideoSource = source  # type: ignore[assignment]
            return read_clips(file, contract, views=views, crops=crops, region=region, decoder=decoder)
        except EndlessError as error:
            source = error.url
    check_views(contract, views=views, crops=crops, region=region)
    if (views, decoder) != (1, "auto"):
        raise LiveOptionError(f"views is {views} and decoder {decoder!r}; a live source can have only 1 and 'auto'")
    return capture_clip(source, contract, crop=source_crop(source, contract, crops=crops, region=region))


def read_input(
    given: VideoInput | Frames,
    contract: Contract,
    shown: Shown,
    *,
    views: int,
    crops: int,
    region: Region | None,
    decoder: Decoder,
) -> SampledClips:
    """The clips of one video, however it is given; `shown` is for frames in memory.

    Raises:
        VideoError, DependencyError, ValueError: as for `read_source`; a folder or a pattern is many videos.
        TypeError: it is no video.
        ValueError: frames of which nobody knows when they are shown, or which are none; options that it cannot have.
    """
    check_views(contract, views=views, crops=crops, region=region)
    if is_frames(given):
        if decoder != "auto":
            raise ArgumentError(f"decoder is {decoder!r}, but frames are decoded already; leave it out")
        frames = as_frames(given, channels=shown.channels)
        seconds = frame_times(len(frames), fps=shown.fps, times=shown.times)
        return sample_clips(frames, seconds, contract, views=views, crops=crops, region=region)
    if shown.is_said:
        one_video(given)  # what is no video at all is said first
        raise ArgumentError(
            "fps, times and channels are those of frames in memory; a video has its own: leave them out"
        )
    return read_one(given, contract, views=views, crops=crops, region=region, decoder=decoder)


def read_one(given: VideoInput | Frames, contract: Contract, **options: Any) -> SampledClips:
    """As `read_source`, of one video by name or as its content; `options` are its own.

    Raises:
        VideoError: as for `read_source`; a folder or a pattern is many videos.
        TypeError: it is no video.
    """
    source = one_video(given)
    check_is_one(source)
    return read_source(source, contract, **options)


def predict_clips(session: Session, contract: ModelContract, clips: SampledClips) -> Prediction:
    """The mean over views and crops of what the model says of them.

    On the CPU clips run one at a time, so that memory and answers do not depend on how many there are; a CUDA card
    needs several at once to be busy.

    Raises:
        ModelError: the graph cannot be run, or its answer is not what the contract says.
        ValueError: the clips are none, or not as the contract has them.
    """
    _check_clips(clips, contract)
    logits, preprocess_seconds, inference_seconds = [], 0.0, 0.0
    for start in range(0, len(clips.frames), session.batch):
        frames = clips.frames[start : start + session.batch]
        started = time.perf_counter()
        pixel_values = normalise(frames, contract.image) if contract.model.input.normalised else frames
        normalised = time.perf_counter()
        logits.append(run_checked(session, pixel_values, labels=len(contract.labels)))
        preprocess_seconds += normalised - started
        inference_seconds += time.perf_counter() - normalised
    return Prediction.from_logits(
        np.concatenate(logits).mean(axis=0),
        labels=contract.labels,
        decision=contract.decision,
        clips=clips,
        device=session.device,
        preprocess_ms=preprocess_seconds * 1000,
        inference_ms=inference_seconds * 1000,
    )


def _check_clips(clips: SampledClips, contract: ModelContract) -> None:
    """Raise ValueError where clips were read for another model: of other sizes, or of pixels of another type."""
    frames, size = clips.frames, contract.image.crop_size
    expected = (contract.sampling.frames, size, size, 3)
    if frames.dtype != np.uint8 or frames.shape[1:] != expected or len(frames) == 0:
        raise ArgumentError(
            f"clips hold frames {frames.dtype} {list(frames.shape)}, expected uint8 [1 or more, "
            f"{', '.join(map(str, expected))}]; read them by this model's contract"
        )


def predict_each(
    videos: Iterable[VideoInput | VideoError],
    read: Callable[[int | VideoSource], SampledClips],
    predict: Callable[[SampledClips], Prediction],
    *,
    fetch: Callable[[int | VideoSource], AbstractContextManager[int | VideoSource]] = nullcontext,
) -> Generator[Prediction | VideoError, None, None]:
    """The prediction of every video, in order, or the VideoError that it failed with, in its place.

    `predict` runs in the consumer's thread, while as many threads as there are CPUs `read` what
    comes next. Only as many videos plus one are held decoded. `fetch` makes of a video what can be
    opened, for as long as it is read.
    """
    decode = partial(_read_or_error, read=read, fetch=fetch)
    with closing(map_ahead(decode, videos, threads=usable_cpus(), niceness=NICENESS)) as decoded:
        for clips in decoded:
            yield clips if isinstance(clips, VideoError) else predict(clips)


def _read_or_error(
    video: VideoInput | VideoError,
    *,
    read: Callable[[int | VideoSource], SampledClips],
    fetch: Callable[[int | VideoSource], AbstractContextManager[int | VideoSource]],
) -> SampledClips | VideoError:
    if isinstance(video, VideoError):
        return video
    try:
        with fetch(one_video(video)) as source:
            return read(source)
    except LiveOptionError as error:
        return VideoError(source_name(one_video(video)), str(error))
    except VideoError as error:
        return error
