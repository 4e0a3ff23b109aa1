"""A stream of predictions: of what a camera sees now, or of a whole file, window by window."""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterator
from numbers import Real
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from vidcls.clips import source_crop
from vidcls.contract import Contract
from vidcls.errors import ArgumentError, VideoError
from vidcls.live.answers import Answers
from vidcls.live.capture import Capture, Reader
from vidcls.live.file_source import FileSource, FileWindows
from vidcls.live.pictures import PictureState
from vidcls.live.readers import read_live, read_paced
from vidcls.live.repeats import Classify, check_motion
from vidcls.region import Region
from vidcls.schema import check_choice
from vidcls.temporal.record import Record
from vidcls.video.reader import Decoder, EndlessError
from vidcls.video.remote import is_broadcast
from vidcls.video.source import VideoSource, camera_number, cannot_be_opened, is_live, openable, source_name

Pace: TypeAlias = Literal["realtime", "fastest"]

# Shorter than any camera's; a file would have windows without number.
MIN_STEP_SECONDS = 0.001


class Stream(Iterator[Record]):
    """An iterator of records, to be used in one `with` and by one thread.

    `with` frees the camera however the block is left; so do the end of the iteration and the end of the program.
    `stop` may be called from anywhere, also from a signal handler. After `os.fork` it belongs to the parent process:
    in the child, iterating raises RuntimeError, and closing does nothing.
    """

    def __init__(self, source: LiveSource | FileSource) -> None:
        self._source = source
        self._records = source.records()
        # So that a stream that is merely forgotten frees the camera too.
        weakref.finalize(self, source.stop)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> Record:
        return next(self._records)

    @property
    def total(self) -> int | None:
        """How many records there will be; None where nobody knows."""
        return self._source.total

    @property
    def duration(self) -> float | None:
        """Length of the video in seconds; None where nobody knows."""
        return self._source.duration

    @property
    def connected(self) -> bool:
        """Whether pictures come in; False before the first one, and while a lost source is tried again."""
        return self._source.connected

    @property
    def picture(self) -> npt.NDArray[np.uint8] | None:
        """The newest frame at full size, uint8 RGB [H, W, 3], also while the model is busy; None before the first."""
        return self._source.picture

    @property
    def picture_state(self) -> PictureState:
        """ "ok"; "black" after 5 s without a picture that is not; "frozen" after 10 s of one and the same, to the bit.

        As of the last record; what is drawn, a test pattern or a slide, is frozen too. At pace "fastest" always "ok".
        """
        return self._source.picture_state

    def stop(self) -> None:
        """Make the iteration end, soon after this has returned; for any thread, and for a signal handler."""
        self._source.stop()

    def close(self) -> None:
        """Stop, and wait until threads have ended and the source is free.

        A camera or a live stream takes at most 2 seconds, whatever its driver or server does; a file, one frame's
        decoding and 0.2 s.
        """
        self._source.stop()
        self._records.close()
        self._source.close()


def open_stream(
    source: int | VideoSource,
    contract: Contract,
    classify: Classify,
    *,
    pace: Pace,
    step_seconds: float | None,
    timeout_seconds: float,
    crops: int = 1,
    region: Region | None = None,
    decoder: Decoder,
    motion: float = 0.0,
) -> Stream:
    """Open a source; see VideoClassifier.stream."""
    check_choice("pace", pace, get_args(Pace))
    step = checked_step(contract, step_seconds=step_seconds, timeout_seconds=timeout_seconds)
    check_motion(motion)
    if isinstance(source, bool):
        raise TypeError(f"source is {source!r}, expected a camera's number, a path or a URL")
    number = camera_number(source)
    source = source if number is None else number
    crop = source_crop(source, contract, crops=crops, region=region)
    if pace == "fastest":
        if isinstance(source, int):
            raise ArgumentError(f"pace is 'fastest', but camera {source} has a pace of its own; take 'realtime'")
        windows = FileWindows(source, contract, step_seconds=step, crop=crop, decoder=decoder)
        return Stream(FileSource(windows, classify, motion=motion))
    reader = open_reader(source, timeout_seconds=timeout_seconds, decoder=decoder)
    capture = Capture(reader, contract, step_seconds=step, crop=crop)
    return Stream(LiveSource(capture, Answers(source_name(source), classify, motion=motion)))


def checked_step(contract: Contract, *, step_seconds: float | None, timeout_seconds: float) -> float:
    """Seconds from one window to the next.

    Raises:
        ArgumentError: a time is not more than 0 seconds, or the step shorter than any camera's.
        TypeError: a time is no number.
    """
    step = contract.sampling.clip_seconds / 2 if step_seconds is None else step_seconds
    for name, seconds in (("step_seconds", step), ("timeout_seconds", timeout_seconds)):
        if not isinstance(seconds, Real):
            raise TypeError(f"{name} is {seconds!r}, expected a number of seconds")
        if not seconds > 0:
            raise ArgumentError(f"{name} is {seconds}, expected more than 0 seconds")
    if step < MIN_STEP_SECONDS:
        raise ArgumentError(f"step_seconds is {step}, expected {MIN_STEP_SECONDS} at least: no camera is that fast")
    return step


def open_reader(source: int | VideoSource, *, timeout_seconds: float, decoder: Decoder) -> Reader:
    """Open a camera, a network stream, or a file that stands in for one.

    Raises:
        VideoError: it cannot be opened.
        ArgumentError: it is live, and not to be read by the decoder.
    """
    found = open_file_or_find(source, timeout_seconds=timeout_seconds, decoder=decoder)
    if isinstance(found, int | str):
        check_live_decoder(decoder)
        return read_live(found, timeout_seconds=timeout_seconds)
    return found


def open_file_or_find(source: int | VideoSource, *, timeout_seconds: float, decoder: Decoder) -> Reader | int | str:
    """Open a file that stands in for a camera; of what goes on, give what it is to be read by.

    That is opened by a process of its own alone, never here, where a server could hold everything up.

    Raises:
        VideoError: it cannot be opened.
    """
    if not is_live(source) and not _is_broadcast(source, timeout_seconds=timeout_seconds):
        try:
            return read_paced(source, timeout_seconds=timeout_seconds, decoder=decoder)  # type: ignore[arg-type]
        except EndlessError as endless:
            source = endless.url
    assert isinstance(source, int | str)  # noqa: S101 - a path or an open file ends
    return source


def check_live_decoder(decoder: Decoder) -> None:
    """Refuse a decoder that was asked for where the source is live."""
    if decoder != "auto":
        raise ArgumentError(f"decoder is {decoder!r}; a live source can have only 'auto', which is OpenCV there")


def _is_broadcast(source: int | VideoSource, *, timeout_seconds: float) -> bool:
    if not isinstance(source, str):
        return False
    try:
        return is_broadcast(source, seconds=timeout_seconds)
    except TimeoutError:
        raise VideoError(source_name(source), cannot_be_opened(openable(source))) from None


class LiveSource:
    """Records of what is captured now: whenever the model is free, of the newest window."""

    total = duration = None

    def __init__(self, capture: Capture, answers: Answers) -> None:
        self._capture, self._answers = capture, answers
        self.stop, self.close = capture.stop, capture.close

    @property
    def connected(self) -> bool:
        """Whether pictures come in; a source that is open has yet to show one."""
        return self._capture.connected and self._capture.picture is not None

    @property
    def picture(self) -> npt.NDArray[np.uint8] | None:
        """The newest frame."""
        return self._capture.picture

    @property
    def picture_state(self) -> PictureState:
        """Whether its pictures are black or frozen."""
        return self._answers.picture_state

    def records(self) -> Generator[Record, None, None]:
        """Ends with the source, or when stopped."""
        try:
            while (captured := self._capture.next_window()) is not None:
                yield self._answers.record(captured)
        finally:
            self._capture.close()
