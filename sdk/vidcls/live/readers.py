"""What fills a capture, in its thread: a camera, a network stream, or a file at its own pace."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack

import cv2

from vidcls.errors import VideoError
from vidcls.live.capture import POLL_SECONDS, Capture, Reader
from vidcls.video.protocol import Frame
from vidcls.video.reader import VideoReader, open_video
from vidcls.video.source import VideoSource, openable, source_name
from vidcls.video.versions import check_version

# Seconds to wait before a lost source is tried again: doubled after every failure, up to the last.
FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 30.0

# A file whose decoding falls behind its own pace by more than this is played later, not faster.
LATE_SECONDS = 0.2

# For how long frames may be taken for such that waited while the stream was opened.
AT_ONCE_SECONDS = 2.0

_logger = logging.getLogger("vidcls")


def read_paced(source: VideoSource) -> Reader:
    """Read a file at its own pace, as if it was being filmed now.

    Raises:
        VideoError: the file cannot be opened or has no frame that can be decoded.
    """
    opened = ExitStack()
    with ExitStack() as opening:
        reader = opening.enter_context(open_video(source))
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
        if not _sleep(until=zero + at, capture=capture):
            return
        capture.add(at, picture())
    if _sleep(until=zero + frame_index.duration, capture=capture):
        capture.end(duration=frame_index.duration)


def read_live(source: int | str, *, timeout_seconds: float) -> Reader:
    """Read a camera or a network stream, and open it again whenever it is lost, until told to stop.

    A frame's time is when it arrived.

    Raises:
        VideoError: it cannot be opened the first time.
        DependencyError: this OpenCV decodes other pixels than models are trained with.
    """
    check_version("opencv", cv2.__version__)
    name = source_name(source)
    source = source if isinstance(source, int) else openable(source)
    first = _open(source, timeout_seconds=timeout_seconds)
    if first is None:
        hint = "it is plugged in and not in use" if isinstance(source, int) else "the address, and that it is up"
        raise VideoError(name, f"cannot be opened; check {hint}")

    def read(capture: Capture) -> None:
        opened: cv2.VideoCapture | None = first
        zero = newest = math.nan
        while opened is not None:
            try:
                for arrived, picture in _arrivals(opened, capture):
                    if math.isnan(zero):
                        zero = arrived
                        capture.begin(captured=zero)
                    elif not capture.connected:
                        _logger.warning("%s: there again, %.1f s without a picture", name, arrived - newest)
                        capture.begin_again(arrived - zero)
                    capture.connected = True
                    capture.add(arrived - zero, picture)
                    newest = arrived
            finally:
                opened.release()
            if capture.stopping:
                return
            if capture.connected:
                _logger.warning("%s: lost; trying to open it again", name)
            capture.connected = False
            opened = _open_again(source, capture, timeout_seconds=timeout_seconds)

    return read


def _arrivals(opened: cv2.VideoCapture, capture: Capture) -> Iterator[tuple[float, Frame]]:
    """(monotonic seconds, uint8 RGB [H, W, 3]) of every frame, until the source is lost or shall stop.

    Frames that came in while a network stream was being opened are handed out all at once; they are passed
    over, since by their arrival they would lie at one moment. They show by coming at more than four times
    the pace that their own pts state.
    """
    first = arrived = pts = math.nan
    at_once = True
    while not capture.stopping and opened.grab():
        before, arrived = arrived, time.monotonic()
        if at_once:
            first = arrived if math.isnan(first) else first
            earlier, pts = pts, opened.get(cv2.CAP_PROP_POS_MSEC) / 1000
            # NaN, and so at once, for the first frame.
            at_once = not arrived - before >= (pts - earlier) / 4 and arrived - first < AT_ONCE_SECONDS
        if not at_once:
            decoded, bgr = opened.retrieve()
            if decoded:
                yield arrived, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[misc]


def _open(source: int | str, *, timeout_seconds: float) -> cv2.VideoCapture | None:
    if isinstance(source, int):
        opened = cv2.VideoCapture(source)
    else:
        milliseconds = round(timeout_seconds * 1000)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
        opened = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
        opened.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    if opened.isOpened():
        return opened
    opened.release()
    return None


def _open_again(source: int | str, capture: Capture, *, timeout_seconds: float) -> cv2.VideoCapture | None:
    """The source, as soon as it can be opened; None where the capture shall stop."""
    wait = FIRST_RETRY_SECONDS
    while _sleep(until=time.monotonic() + wait, capture=capture):
        opened = _open(source, timeout_seconds=timeout_seconds)
        if opened is not None:
            return opened
        wait = min(2 * wait, LAST_RETRY_SECONDS)
    return None


def _sleep(*, until: float, capture: Capture) -> bool:
    """Sleep until that monotonic second; False as soon as the capture shall stop."""
    while not capture.stopping:
        left = until - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(left, POLL_SECONDS))
    return False
