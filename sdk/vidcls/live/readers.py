"""What fills a capture, in its thread: a camera, a network stream, or a file at its own pace."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TypeVar

from vidcls.concurrency.cancellation import raise_if_cancelled
from vidcls.errors import VideoError
from vidcls.live.camera import Camera
from vidcls.live.capture import POLL_SECONDS, Capture, Reader
from vidcls.live.clock import SourceClock
from vidcls.live.pictures import shared
from vidcls.video import opencv
from vidcls.video.reader import Decoder, VideoReader, open_video
from vidcls.video.source import VideoSource
from vidcls.video.versions import check_version

# Seconds to wait before a lost source is tried again: doubled after every failure, up to the last.
FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 30.0

# A file whose decoding falls behind its own pace by more than this is played later, not faster.
LATE_SECONDS = 0.2

Opened = TypeVar("Opened")

_logger = logging.getLogger("vidcls")


def read_paced(source: VideoSource, *, timeout_seconds: float, decoder: Decoder) -> Reader:
    """Read a file at its own pace, as if it was being filmed now.

    Raises:
        VideoError: the file cannot be opened or has no frame that can be decoded.
    """
    opened = ExitStack()
    with ExitStack() as opening:
        reader = opening.enter_context(open_video(source, decoder=decoder, timeout_seconds=timeout_seconds))
        reader.index  # noqa: B018 - where the file is refused, it is refused here
        opened = opening.pop_all()

    def read(capture: Capture) -> None:
        with opened:
            _play(reader, capture)

    return read


def _play(reader: VideoReader, capture: Capture) -> None:
    zero = time.monotonic()
    capture.begin(captured=zero)
    frame_index, played = reader.index, -1
    for frame_index, number, picture in reader.read_along(lambda every: range(len(every.times))):
        if number <= played:  # the file had to be read anew, by other times
            continue
        at, played = frame_index.times[number], number
        late = time.monotonic() - (zero + at)
        if late > LATE_SECONDS:
            zero += late
            capture.begin(captured=zero)
        if not sleep(until=zero + at, capture=capture):
            return
        capture.add(at, shared(picture()), dropped=0)
    if sleep(until=zero + frame_index.duration, capture=capture):
        capture.end(duration=frame_index.duration)


def read_live(source: int | str, *, timeout_seconds: float) -> Reader:
    """Read a camera or a network stream, and open it again whenever it is lost, until told to stop.

    A frame's time is what vidcls.live.clock says. Opening it the first time takes at most `timeout_seconds`, and the
    start of a process; a source that gives no frame for so long is lost. Stopping takes at most 1.5 s.

    Raises:
        VideoError: it cannot be opened the first time.
        DependencyError: this OpenCV decodes other pixels than models are trained with.
    """
    check_version("opencv", opencv.VERSION)
    camera = Camera(source, timeout_seconds=timeout_seconds)
    camera.open(is_cancelled=_is_cancelled)

    def read(capture: Capture) -> None:
        clock = SourceClock(window_seconds=capture.window_seconds)
        is_open, pauses = True, growing_pauses()
        while is_open:
            try:
                has_shown = _watch(camera, clock, capture)
            finally:
                camera.close()
            if capture.is_stopping():
                return
            if capture.connected:
                why = f" ({camera.failure})" if camera.failure else ""
                _logger.warning("%s: lost%s; trying to open it again", camera.name, why)
            capture.connected = False
            clock.reopen()
            if has_shown:  # one that can be opened and shows nothing is not there either
                pauses = growing_pauses()
            is_open = _open_again(camera, capture, pauses)

    return read


def _watch(camera: Camera, clock: SourceClock, capture: Capture) -> bool:
    """Give every frame and its time to the capture, until the source is lost or the capture shall stop.

    Whether there was any.
    """
    dropped, has_shown = 0, False
    for arrival in camera.frames(is_cancelled=capture.is_stopping):
        dropped += arrival.dropped
        time_ = clock.tick(arrival.at, arrival.pts_seconds)
        if time_ is None:
            continue
        if time_.gap_seconds is not None:
            capture.begin_again(time_.at)
            if not capture.connected:
                _logger.warning("%s: there again, %.1f s without a picture", camera.name, time_.gap_seconds)
            elif time_.gap_seconds:
                _logger.warning("%s: %s, after %.1f s of which nobody knows", camera.name, time_.why, time_.gap_seconds)
        capture.begin(captured=time_.offset)
        capture.add(time_.at, shared(arrival.picture), dropped=dropped, arrived=arrival.at)
        capture.connected = True
        dropped, has_shown = 0, True
    return has_shown


def _is_cancelled() -> bool:
    """Never, where it is not CancelledError: for work in a thread that has an owner of its own."""
    raise_if_cancelled()
    return False


def _open_again(camera: Camera, capture: Capture, pauses: Iterator[float]) -> bool:
    """Open it as soon as that can be done, after a first pause; False where the capture shall stop."""
    if not sleep(until=time.monotonic() + next(pauses), capture=capture):
        return False
    opened = open_when_there(
        lambda: camera.open(is_cancelled=capture.is_stopping),
        capture,
        pauses,
        refused=lambda _: None,  # which was said when it was lost
    )
    return bool(opened)


def growing_pauses() -> Iterator[float]:
    """Seconds to wait before a source is tried again, after one failure after the other."""
    wait = FIRST_RETRY_SECONDS
    while True:
        yield wait
        wait = min(2 * wait, LAST_RETRY_SECONDS)


def open_when_there(
    opens: Callable[[], Opened], capture: Capture, pauses: Iterator[float], *, refused: Callable[[VideoError], None]
) -> Opened | None:
    """What that opens, as soon as it can, with a pause after every failure; None where the capture shall stop before.

    refused: is given each failure.
    """
    while not capture.is_stopping():
        try:
            return opens()
        except VideoError as error:
            refused(error)
        sleep(until=time.monotonic() + next(pauses), capture=capture)
    return None


def sleep(*, until: float, capture: Capture) -> bool:
    """Sleep until that monotonic second; False as soon as the capture shall stop."""
    while not capture.is_stopping():
        left = until - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(left, POLL_SECONDS))
    return False
