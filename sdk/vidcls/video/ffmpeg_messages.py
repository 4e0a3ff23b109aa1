"""FFmpeg's own messages within OpenCV, which name URLs with the user and the password in them."""

from __future__ import annotations

import os

# Either says that someone wants them.
_WANTED = ("OPENCV_FFMPEG_LOGLEVEL", "OPENCV_FFMPEG_DEBUG")


def keep_off_stderr() -> None:
    """Keep them off stderr in this process, where its environment does not ask for them.

    OpenCV looks there once, when it first opens a video: so call it before.
    """
    if not any(name in os.environ for name in _WANTED):
        os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"  # FFmpeg's AV_LOG_QUIET
