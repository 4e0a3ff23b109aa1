"""A camera or a network stream as OpenCV reads it, frame by frame; any call here may take for ever."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator

import cv2

from vidcls.live.clock import BURST_SECONDS
from vidcls.live.messages import Header
from vidcls.live.motion_jpeg import Opened, at_its_sizes
from vidcls.video.protocol import Frame
from vidcls.video.quiet import quiet_ffmpeg

# That decode a live stream. Every further one delays every frame by the time between two, unseen by whoever measures
# lag: RTSP at 30 fps is 0.03 s late with one, 0.07 s with two, 0.53 s with the sixteen that OpenCV takes on 16 CPUs.
THREADS = 1

# FFmpeg's AV_NOPTS_VALUE, in frames, so that rounding does not matter.
NO_PTS = -(2.0**62)


def log_level() -> int:
    """How much OpenCV says on stderr, as it was set for this process."""
    return cv2.utils.logging.getLogLevel()


def set_log_level(level: int) -> None:
    """Let it say as much here."""
    cv2.utils.logging.setLogLevel(level)


def open_source(source: int | str, *, timeout_seconds: float) -> Opened | None:
    """A camera by its number, or what stands at a URL; None where it cannot be opened."""
    quiet_ffmpeg()
    if isinstance(source, int):
        opened = cv2.VideoCapture(source)
    else:
        # Between two bursts a source is silent for longer; whoever reads it ends this process where that is too long.
        milliseconds = [round(1000 * seconds) for seconds in (timeout_seconds, timeout_seconds + BURST_SECONDS)]
        options = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds[0], cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds[1]]
        if "OPENCV_FFMPEG_THREADS" not in os.environ:
            options += [cv2.CAP_PROP_N_THREADS, THREADS]
        opened = cv2.VideoCapture(source, cv2.CAP_FFMPEG, options)
        opened.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        if opened.isOpened():
            return at_its_sizes(opened)
    return opened if opened.isOpened() else None


def arrivals(opened: Opened, is_over: Callable[[], bool]) -> Iterator[tuple[Header, Frame]]:
    """Header and uint8 RGB [H, W, 3] of every frame that can be decoded, until the source is lost or it is over."""
    while not is_over() and opened.grab():
        arrived_ns, pts = time.monotonic_ns(), _pts_seconds(opened)
        decoded, bgr = opened.retrieve()
        if decoded and bgr is not None:  # some drivers say that there is a picture, and give none
            picture: Frame = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[assignment]
            height, width, _ = picture.shape
            yield Header(kind="frame", width=width, height=height, arrived_ns=arrived_ns, pts_seconds=pts), picture


def _pts_seconds(opened: Opened) -> float:
    """The newest frame's time by the source's clock, for a USB camera the kernel's; NaN where it has none."""
    # Where FFmpeg has none, OpenCV counts frames at 25 a second instead; what is no stream has -1 or 0 here.
    if opened.get(cv2.CAP_PROP_PTS) <= NO_PTS:
        return math.nan
    return opened.get(cv2.CAP_PROP_POS_MSEC) / 1000
