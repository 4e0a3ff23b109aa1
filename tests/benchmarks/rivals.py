"""Other libraries that read the sampled frames of a video, each in every way that may be its fastest.

A reader is told which frames are wanted, by number and by time, and hands out uint8 RGB pictures, upright, in
that order; one by one where the library can, so that they are resized while the next ones are decoded, and as
calls that convert to RGB where decoding and converting are two steps.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np

Picture = Callable[[], np.ndarray]
Reader = Callable[[Path, "Wanted"], Iterator[Picture]]

FROM_START = "from the start"  # in the name of a way that decodes all frames up to the last wanted one
NEAR_SECONDS = 0.002  # a frame with a time so near to a wanted one is meant


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The frames to read: numbers in display order, and times in seconds; a row of each per window.

    by: what the library finds them by; "time" where the rate varies.
    """

    numbers: list[list[int]]
    times: list[list[float]]
    by: Literal["number", "time"]


def flat(rows: Sequence[Sequence[Any]]) -> list[Any]:
    """The rows one after the other."""
    return [value for row in rows for value in row]


def pyav_seeking(path: Path, wanted: Wanted, *, thread_type: str, thread_count: int = 0) -> Iterator[Picture]:
    """Enter the video before each window, and find the frames by their times."""
    with av.open(str(path)) as container:
        stream = _threaded(container, thread_type=thread_type, thread_count=thread_count)
        for times in wanted.times:
            missing = list(times)
            container.seek(int(Fraction(times[0]) / Fraction(stream.time_base)), stream=stream)
            for frame in container.decode(stream):
                if abs(frame.time - stream.start_time * stream.time_base - missing[0]) < NEAR_SECONDS:
                    yield partial(_upright, frame)
                    del missing[0]
                if not missing:
                    break


def pyav_counting(path: Path, wanted: Wanted, *, thread_type: str, thread_count: int = 0) -> Iterator[Picture]:
    """Decode from the start and count: where times mean nothing, as in B-frame AVIs."""
    numbers = flat(wanted.numbers)
    chosen = frozenset(numbers)
    with av.open(str(path)) as container:
        stream = _threaded(container, thread_type=thread_type, thread_count=thread_count)
        for number, frame in enumerate(container.decode(stream)):
            if number in chosen:
                yield partial(_upright, frame)
            if number == numbers[-1]:
                break


def torchcodec_at_once(path: Path, wanted: Wanted, *, seek_mode: str, threads: int) -> Iterator[Picture]:
    """All frames by one call, as its documentation recommends."""
    decoder = _torchcodec(path, seek_mode=seek_mode, threads=threads)
    if wanted.by == "time":
        found = decoder.get_frames_played_at(seconds=flat(wanted.times))
    else:
        found = decoder.get_frames_at(indices=flat(wanted.numbers))
    yield from _ready(found.data.numpy())


def torchcodec_one_by_one(path: Path, wanted: Wanted, *, seek_mode: str, threads: int) -> Iterator[Picture]:
    """A call for each frame."""
    decoder = _torchcodec(path, seek_mode=seek_mode, threads=threads)
    if wanted.by == "time":
        frames = (decoder.get_frame_played_at(seconds) for seconds in flat(wanted.times))
    else:
        frames = (decoder.get_frame_at(number) for number in flat(wanted.numbers))
    yield from _ready(frame.data.numpy() for frame in frames)


def decord_at_once(path: Path, wanted: Wanted, *, threads: int) -> Iterator[Picture]:
    """All frames by one call, as its documentation recommends."""
    reader, numbers = _decord(path, wanted, threads=threads)
    yield from _ready(reader.get_batch(numbers).asnumpy())


def decord_one_by_one(path: Path, wanted: Wanted, *, threads: int) -> Iterator[Picture]:
    """A call for each frame."""
    reader, numbers = _decord(path, wanted, threads=threads)
    yield from _ready(reader[number].asnumpy() for number in numbers)


def installed(probe: Path) -> tuple[dict[str, dict[str, Reader]], list[str]]:
    """(ways to read by rival, of those that can read `probe`; what to say of all)."""
    rivals: dict[str, dict[str, Reader]] = {"PyAV": _pyav_ways()}
    notes = [f"PyAV {av.__version__}"]
    try:
        _torchcodec(probe, seek_mode="approximate", threads=1)
    except ImportError:
        notes.append("torchcodec is not installed: pip install torchcodec")
    except RuntimeError as error:  # above all: no shared libraries of FFmpeg, which it does not bring
        notes.append(f"torchcodec cannot be used: {str(error).partition('. ')[0]}; install FFmpeg")
    else:
        rivals |= {f"torchcodec {mode}": _torchcodec_ways(mode) for mode in ("approximate", "exact")}
        notes.append(f"torchcodec {importlib.metadata.version('torchcodec')}")
    try:
        import decord
    except ImportError:
        notes.append("decord is not installed: pip install decord2")
    else:
        rivals["decord"] = _decord_ways()
        notes.append(f"decord {decord.__version__}")
    return rivals, notes


def _pyav_ways() -> dict[str, Reader]:
    readers = {"seeking": pyav_seeking, FROM_START: pyav_counting}
    ways: dict[str, Reader] = {}
    for name, read in readers.items():
        ways |= {f"{name}, {kind} threads": partial(read, thread_type=kind) for kind in ("AUTO", "SLICE")}
        ways[f"{name}, one thread"] = partial(read, thread_type="SLICE", thread_count=1)
    return ways


def _torchcodec_ways(seek_mode: str) -> dict[str, Reader]:
    ways: dict[str, Reader] = {}
    for threads in (0, 1):
        for name, read in {"at once": torchcodec_at_once, "one by one": torchcodec_one_by_one}.items():
            ways[f"{name}, num_ffmpeg_threads={threads}"] = partial(read, seek_mode=seek_mode, threads=threads)
    return ways


def _decord_ways() -> dict[str, Reader]:
    ways: dict[str, Reader] = {}
    for threads in (0, 1):
        for name, read in {"at once": decord_at_once, "one by one": decord_one_by_one}.items():
            ways[f"{name}, num_threads={threads}"] = partial(read, threads=threads)
    return ways


def _threaded(container: Any, *, thread_type: str, thread_count: int) -> Any:
    stream = container.streams.video[0]
    stream.thread_type = thread_type
    stream.thread_count = thread_count
    return stream


def _ready(frames: Iterable[np.ndarray]) -> Iterator[Picture]:
    """Frames that are RGB already."""
    return (partial(np.asarray, frame) for frame in frames)


def _upright(frame: Any) -> np.ndarray:
    """PyAV leaves the turning to its user."""
    return np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)


def _torchcodec(path: Path, *, seek_mode: str, threads: int) -> Any:
    from torchcodec.decoders import VideoDecoder

    return VideoDecoder(path, seek_mode=seek_mode, dimension_order="NHWC", num_ffmpeg_threads=threads)


def _decord(path: Path, wanted: Wanted, *, threads: int) -> tuple[Any, list[int]]:
    """(a reader, the numbers of the wanted frames)."""
    import decord

    reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=threads)
    if wanted.by == "number":
        return reader, flat(wanted.numbers)
    starts = reader.get_frame_timestamp(range(len(reader)))[:, 0]
    return reader, [int(np.abs(starts - starts[0] - seconds).argmin()) for seconds in flat(wanted.times)]
