"""A camera or a network stream as OpenCV reads it, frame by frame; any call here may take for ever."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

import cv2

from vidcls.live.messages import Header
from vidcls.video.protocol import Frame

# For how long frames may be taken for such that waited while the stream was opened.
AT_ONCE_SECONDS = 2.0


def log_level() -> int:
    """How much OpenCV says on stderr, as it was set for this process."""
    return cv2.utils.logging.getLogLevel()


def set_log_level(level: int) -> None:
    """Let it say as much here."""
    cv2.utils.logging.setLogLevel(level)


def open_source(source: int | str, *, timeout_seconds: float) -> cv2.VideoCapture | None:
    """A camera by its number, or what stands at a URL; None where it cannot be opened."""
    if isinstance(source, int):
        opened = cv2.VideoCapture(source)
    else:
        milliseconds = round(timeout_seconds * 1000)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
        opened = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
        opened.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return opened if opened.isOpened() else None


def arrivals(opened: cv2.VideoCapture, is_over: Callable[[], bool]) -> Iterator[tuple[Header, Frame | None]]:
    """Header and uint8 RGB [H, W, 3] of every frame, until the source is lost or it is over.

    Frames that came in while a network stream was being opened are handed out all at once; they have no picture
    here, since by their arrival they would lie at one moment. They show by coming at more than four times the pace
    that their own pts state.
    """
    first = arrived = pts = math.nan
    at_once = True
    while not is_over() and opened.grab():
        before, arrived_ns = arrived, time.monotonic_ns()
        arrived = arrived_ns / 1e9
        earlier, pts = pts, opened.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if at_once:
            first = arrived if math.isnan(first) else first
            # NaN, and so at once, for the first frame.
            at_once = not arrived - before >= (pts - earlier) / 4 and arrived - first < AT_ONCE_SECONDS
        if at_once:
            yield Header(kind="frame", arrived_ns=arrived_ns, pts_seconds=pts), None
            continue
        decoded, bgr = opened.retrieve()
        if decoded and bgr is not None:  # some drivers say that there is a picture, and give none
            picture: Frame = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[assignment]
            height, width, _ = picture.shape
            yield Header(kind="frame", width=width, height=height, arrived_ns=arrived_ns, pts_seconds=pts), picture
