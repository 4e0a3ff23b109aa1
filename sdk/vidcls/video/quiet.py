"""OpenCV's and FFmpeg's own talk, kept off the terminal; without loading either."""

from __future__ import annotations

import os
import sys

_FFMPEG_LEVEL, _OPENCV_LEVEL = "OPENCV_FFMPEG_LOGLEVEL", "OPENCV_LOG_LEVEL"


def quiet_decoders() -> None:
    """Keep OpenCV's and FFmpeg's own remarks about bad files off stderr, where the user has not asked for them.

    For command lines, whose VideoError says what matters; a program decides for itself.
    """
    os.environ.setdefault(_FFMPEG_LEVEL, "-8")  # FFmpeg's AV_LOG_QUIET
    if _OPENCV_LEVEL in os.environ:
        return
    loaded = sys.modules.get("cv2")
    if loaded is None:
        os.environ[_OPENCV_LEVEL] = "SILENT"  # is read once, where it is loaded
    elif hasattr(loaded.utils, "logging"):  # refused before 4.13, which has it
        loaded.utils.logging.setLogLevel(loaded.utils.logging.LOG_LEVEL_SILENT)
