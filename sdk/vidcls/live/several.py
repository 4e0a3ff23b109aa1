"""Many sources and one model: whenever that is free, the newest window of the source that has waited longest.

Each source has a thread that reads it, and a camera or live stream a process of its own; the model runs in the one
thread that takes the records. So the model is never asked twice at a time, however many sources there are, and where
it is too slow for all of them, every source loses windows, and none of them its turn.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vidcls.clips import source_crop
from vidcls.concurrency.cancellation import raise_if_cancelled
from vidcls.contract import Contract
from vidcls.errors import ArgumentError, VideoError
from vidcls.live.answers import Answers
from vidcls.live.capture import Capture, Reader
from vidcls.live.pictures import PictureState
from vidcls.live.readers import growing_pauses, open_when_there, read_live
from vidcls.live.repeats import Classify, check_motion
from vidcls.live.stream import check_live_decoder, checked_step, open_file_or_find
from vidcls.region import Region
from vidcls.temporal.record import Record
from vidcls.video.protocols import is_remote
from vidcls.video.reader import Decoder
from vidcls.video.remote import is_over, states_no_length
from vidcls.video.source import VideoSource, is_live, source_name

# How often the sources are asked for a window while none has one. Waking up with every frame of every source would
# cost more: 30 cameras send 750 a second, and one answer in a hundred would be due.
ASK_SECONDS = 0.02

# A source's name, a frame's seconds after its first, by which windows go too, and the frame, uint8 RGB [H, W, 3].
OnFrame: TypeAlias = Callable[[str, float, npt.NDArray[np.uint8]], None]

_logger = logging.getLogger("vidcls")


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """One source, and how it is watched: what `VideoClassifier.stream` takes."""

    source: int | VideoSource
    step_seconds: float | None = None
    timeout_seconds: float = 5.0
    crops: int = 1
    region: Region | None = None
    motion: float = 0.0
    decoder: Decoder = "auto"


class SeveralStreams(Iterator[tuple[str, Record]]):
    """An iterator of (source's name, record), to be used in one `with` and by one thread; ends with the last source.

    A source that ends, or cannot be opened, does not stop the others. `stop` may be called from anywhere, also from a
    signal handler. After `os.fork` it belongs to the parent process: in the child, iterating raises RuntimeError.
    """

    def __init__(self, watched: Mapping[str, tuple[Capture, Answers]]) -> None:
        self._watched = dict(watched)
        self._records = _records(self._watched)
        # So that streams that are merely forgotten free their sources too.
        weakref.finalize(self, _stop, [capture for capture, _ in self._watched.values()])

    def __enter__(self) -> SeveralStreams:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> tuple[str, Record]:
        return next(self._records)

    def connected(self, name: str) -> bool:
        """Whether pictures of this source come in; False before the first, while it is lost, or once it has ended."""
        capture, _ = self._watched[name]
        return capture.connected and capture.picture is not None and not capture.has_ended

    def has_unanswered(self, name: str) -> bool:
        """Whether a record of what this source has shown is still to come, also where it is lost or has ended.

        The one that was handed out last is so until the next is asked for.
        """
        return self._watched[name][0].has_unanswered

    @property
    def is_due(self) -> bool:
        """Whether a window of any source is complete that is not answered; the one handed out last counts as one."""
        return any(capture.is_due for capture, _ in self._watched.values())

    def picture(self, name: str) -> npt.NDArray[np.uint8] | None:
        """The newest frame of this source at full size, uint8 RGB [H, W, 3]; None before the first."""
        return self._watched[name][0].picture

    def on_frame(self, call: OnFrame) -> None:
        """Have every frame that comes from now on given to that too, by the thread that reads, which waits for it."""
        for name, (capture, _) in self._watched.items():
            capture.on_frame = partial(call, name)

    def picture_state(self, name: str) -> PictureState:
        """Whether this source's pictures are black or frozen; as `Stream.picture_state`."""
        return self._watched[name][1].picture_state

    def stop(self) -> None:
        """Make the iteration end, soon after this has returned; for any thread, and for a signal handler."""
        _stop(capture for capture, _ in self._watched.values())

    def close(self) -> None:
        """Stop, and wait until threads have ended and the sources are free: at most 2 seconds for all of them."""
        self.stop()
        self._records.close()
        _close(capture for capture, _ in self._watched.values())


def open_several(sources: Mapping[str, SourceOptions], contract: Contract, classify: Classify) -> SeveralStreams:
    """Watch several sources with one model; returns at once, and opens them meanwhile.

    A source that cannot be opened is tried again, with pauses that grow to 30 s, as one that is lost; the logger
    "vidcls" warns once. A file is played at its own pace.

    Args:
        sources: by names that the records then carry.
        contract: the model's.
        classify: the model; called in the thread that iterates.

    Raises:
        ArgumentError: there is no source, or an option is out of its range.
    """
    if not sources:
        raise ArgumentError("sources is empty, expected at least one")
    captures = {name: _capture_of(name, options, contract) for name, options in sources.items()}  # all checked first
    watched: dict[str, tuple[Capture, Answers]] = {}
    try:
        for name, options in sources.items():
            answers = Answers(source_name(options.source), classify, motion=options.motion)
            watched[name] = captures[name](_read_once_there(options)), answers
        return SeveralStreams(watched)
    except BaseException:
        _close(capture for capture, _ in watched.values())
        raise


def _capture_of(name: str, options: SourceOptions, contract: Contract) -> Callable[[Reader], Capture]:
    """What begins to read the source, once it is called with what reads it."""
    if isinstance(options.source, bool):
        raise TypeError(f"{name}: source is {options.source!r}, expected a camera's number, a path or a URL")
    try:
        check_motion(options.motion)
        if is_live(options.source):
            check_live_decoder(options.decoder)
        crop = source_crop(options.source, contract, crops=options.crops, region=options.region)
        step = checked_step(contract, step_seconds=options.step_seconds, timeout_seconds=options.timeout_seconds)
        return partial(Capture, contract=contract, step_seconds=step, crop=crop)
    except ArgumentError as error:
        raise ArgumentError(f"{name}: {error}") from None


def _read_once_there(options: SourceOptions) -> Reader:
    """What opens a source, however long it takes until that can be done, and reads it."""

    def read(capture: Capture) -> None:
        reader = _opened(options, capture)
        if reader is None:
            return
        reader(capture)
        if isinstance(options.source, str) and is_remote(options.source) and not capture.is_stopping():
            _logger.warning("%s: has ended; it is watched no more", source_name(options.source))

    return read


def _opened(options: SourceOptions, capture: Capture) -> Reader | None:
    """Its reader, as soon as it can be opened; None where the capture shall stop before."""
    began = time.monotonic()
    refusals: list[VideoError] = []

    def say_once(error: VideoError) -> None:
        if not refusals:
            _logger.warning("%s; trying again until it can be opened", error)
            refusals.append(error)

    reader = open_when_there(lambda: _reader(options), capture, growing_pauses(), refused=say_once)
    if reader is not None and refusals:
        _logger.warning("%s: there after %.1f s", source_name(options.source), time.monotonic() - began)
    return reader


def _reader(options: SourceOptions) -> Reader:
    """What reads it; where a server does not say how long it goes on, as a camera that may break off at any time.

    A stream would read it for seconds first, to find out whether it is a short film; a camera that breaks off just then
    would be one, and over. So would a broadcast whose encoder is just being started again: what is left of it would be
    shown as if it was filmed now, and nothing after it. A decoder is for files, and whether a URL is one shows only
    here.

    Raises:
        VideoError: it cannot be opened, or is a broadcast that has ended.
    """
    source = options.source
    if isinstance(source, str) and states_no_length(source):
        return read_live(source, timeout_seconds=options.timeout_seconds)
    if isinstance(source, str) and is_over(source, seconds=options.timeout_seconds):
        raise VideoError(source_name(source), "its playlist has ended (#EXT-X-ENDLIST)")
    found = open_file_or_find(source, timeout_seconds=options.timeout_seconds, decoder=options.decoder)
    return read_live(found, timeout_seconds=options.timeout_seconds) if isinstance(found, int | str) else found


def _records(watched: Mapping[str, tuple[Capture, Answers]]) -> Generator[tuple[str, Record], None, None]:
    """Of the source served longest ago that has a window, until all have ended; and then they are free."""
    waiting = list(watched)  # who was served longest ago stands first
    try:
        while waiting:
            for name in list(waiting):
                capture, answers = watched[name]
                if capture.is_stopping():
                    return
                has_ended, captured = capture.has_ended, capture.take()
                if captured is not None:
                    waiting.remove(name)
                    waiting.append(name)
                    yield name, answers.record(captured)
                    capture.put_answered()
                    break
                if has_ended:
                    waiting.remove(name)
                    _say_why(capture.error)
            else:
                time.sleep(ASK_SECONDS)
                raise_if_cancelled()
    finally:
        _stop(capture for capture, _ in watched.values())


def _say_why(error: BaseException | None) -> None:
    """Log why a source has ended where that was not its end; what is no fault of the source is raised."""
    if isinstance(error, VideoError):
        _logger.warning("%s; it is watched no more", error)
    elif error is not None:
        raise error


def _stop(captures: Iterable[Capture]) -> None:
    for capture in captures:
        capture.stop()


def _close(captures: Iterable[Capture]) -> None:
    """Stop all of them, and then wait for each, so that they end at the same time."""
    stopped = list(captures)
    _stop(stopped)
    for capture in stopped:
        capture.close()
