"""OpenCV's and FFmpeg's own talk, kept off the terminal; without loading either."""

from __future__ import annotations

import os
import sys

_FFMPEG_LEVEL, _OPENCV_LEVEL = "OPENCV_FFMPEG_LOGLEVEL", "OPENCV_LOG_LEVEL"
_FFMPEG_WANTED = (_FFMPEG_LEVEL, "OPENCV_FFMPEG_DEBUG")  # either says that someone wants it


def quiet_ffmpeg() -> None:
    """Keep FFmpeg's messages within OpenCV off stderr, which name URLs with the user and the password in them.

    In every program, where its environment does not ask for them. OpenCV looks there once, when it first opens a
    video: so call it before.
    """
    if not any(name in os.environ for name in _FFMPEG_WANTED):
        os.environ[_FFMPEG_LEVEL] = "-8"  # FFmpeg's AV_LOG_QUIET


def quiet_decoders() -> None:
    """Keep OpenCV's own remarks about bad files off stderr too, where the user has not asked for them.

    For command lines, whose VideoError says what matters; a program decides for itself.
    """
    quiet_ffmpeg()
    if _OPENCV_LEVEL in os.environ:
        return
    loaded = sys.modules.get("cv2")
    if loaded is None:
        os.environ[_OPENCV_LEVEL] = "SILENT"  # is read once, where it is loaded
    elif hasattr(loaded.utils, "logging"):  # refused before 4.13, which has it
        loaded.utils.logging.setLogLevel(loaded.utils.logging.LOG_LEVEL_SILENT)
