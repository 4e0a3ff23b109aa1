"""A video file and the numbers of wanted frames -> uint8 RGB. The only module that opens videos.

Frames are numbered in the order the decoder hands them out, which is the order they are shown in.
`read_times` and `iter_frames` each go through the file once, front to back, and hold one frame.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vidcls.errors import DependencyError, VideoError
from vidcls.sampling import CLOCK_SECONDS, presentation_times

try:
    import cv2
except ImportError as error:
    raise DependencyError(
        f"OpenCV cannot be imported ({error}); install it with 'pip install opencv-python', or on a machine "
        "without a display 'pip uninstall opencv-python' and 'pip install opencv-python-headless'"
    ) from error

VideoSource: TypeAlias = str | os.PathLike[str]
Frame: TypeAlias = npt.NDArray[np.uint8]

# Frames per second above which a header states its clock rather than a rate.
_PLAUSIBLE_RATE = 120.0

# user:password@ after the ://, also where the password holds a '/', '?' or '#' that should have been escaped.
_CREDENTIALS = re.compile(r"(?<=://)(?:[^/?#]*@|[^/?#:@]*:(?!\d*(?:[/?#]|$)).*@)")


def quiet_decoders() -> None:
    """Keep OpenCV's and FFmpeg's own remarks about bad files off stderr, where the user has not asked for them.

    For command lines, whose VideoError says what matters; a program decides for itself.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg's AV_LOG_QUIET
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def source_name(source: VideoSource) -> str:
    """The video's name for messages and reports: its path, or its URL without user and password."""
    name = os.fspath(source)
    if _is_url(name):
        return _CREDENTIALS.sub("", name, count=1)
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # so that it can be printed


def read_times(source: VideoSource) -> list[float]:
    """Seconds after the first frame of every frame, in decoder order; at least one.

    Raises:
        VideoError: the video cannot be opened, or not one frame of it can be decoded.
    """
    capture = _open(source)
    try:
        stamps = []
        while capture.grab():
            stamps.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        average_rate = capture.get(cv2.CAP_PROP_FPS)
    finally:
        capture.release()
    return _seconds_after_first(stamps, average_rate, source)


def scan(source: VideoSource, *, every_seconds: float, see: Callable[[Frame], None]) -> list[float]:
    """As `read_times`; on the way, shows `see` a frame about every so many seconds, from the first on.

    For a look at the whole of a video in one pass: which frames these are goes by the header's frame rate.

    Args:
        see: takes uint8 RGB [H, W, 3], upright.

    Raises:
        VideoError: the video cannot be opened, or not one frame of it can be decoded.
    """
    capture = _open(source)
    try:
        average_rate = capture.get(cv2.CAP_PROP_FPS)
        rate = average_rate if 0 < average_rate < _PLAUSIBLE_RATE else _PLAUSIBLE_RATE
        stamps: list[float] = []
        shown = 0
        while capture.grab():
            if len(stamps) / rate >= shown * every_seconds - CLOCK_SECONDS:
                shown += 1
                decoded, bgr = capture.retrieve()
                if decoded:
                    see(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))  # type: ignore[arg-type]
            stamps.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    finally:
        capture.release()
    return _seconds_after_first(stamps, average_rate, source)


def _seconds_after_first(stamps: list[float], average_rate: float, source: VideoSource) -> list[float]:
    if not stamps:
        raise VideoError(source_name(source), "no frame can be decoded; check that the file plays and is complete")
    if not (math.isfinite(average_rate) and average_rate > 0):
        # Only a single frame can do without: with more, equal or missing stamps need a rate.
        average_rate = math.nan
    times = presentation_times(stamps, average_rate=average_rate)
    if not all(math.isfinite(time) for time in times[1:]):
        raise VideoError(source_name(source), "the file gives neither frame times nor a frame rate; remux it first")
    return [0.0, *times[1:]]


def iter_frames(source: VideoSource, indices: Sequence[int]) -> Iterator[Frame]:
    """Decode the frames numbered `indices` (strictly increasing), one after the other.

    Yields:
        uint8 RGB [H, W, 3], upright as the container's rotation says, one per index.

    Raises:
        VideoError: the video cannot be opened, or ends before the last index.
    """
    capture = _open(source)
    try:
        position = 0
        for index in indices:
            while position <= index:
                if not capture.grab():
                    raise VideoError(
                        source_name(source), f"frame {index} cannot be decoded, the file gave {position} frames"
                    )
                position += 1
            decoded, bgr = capture.retrieve()
            if not decoded:
                raise VideoError(source_name(source), f"frame {index} cannot be converted to RGB")
            yield cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[misc]
    finally:
        capture.release()


def _is_url(name: str) -> bool:
    return "://" in name


def _open(source: VideoSource) -> cv2.VideoCapture:
    name = os.fspath(source)
    if not isinstance(name, str):
        raise TypeError(f"a video is named by a str or a pathlib.Path, not by {type(name).__name__}")
    if not _is_url(name):
        _check_file(Path(name), source_name(name))
        name = str(Path(name).absolute())  # FFmpeg takes what stands before a ':' at the start for a protocol
    # Only the FFmpeg backend: the others number, time and turn frames by rules of their own.
    capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise VideoError(
            source_name(source), "OpenCV cannot open it as a video; check that the file plays and is complete"
        )
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # the default has changed between versions of OpenCV
    return capture


def _check_file(path: Path, name: str) -> None:
    try:
        found = path.exists()
        str(path).encode()
    except OSError as error:  # a folder that may not be entered, a name that is too long
        raise VideoError(name, f"cannot be looked for ({error.strerror})") from None
    except UnicodeEncodeError:
        raise VideoError(name, "OpenCV opens only files whose names are valid UTF-8; rename it") from None
    if not found:
        raise VideoError(name, "there is no such file")
    if not path.is_file():
        raise VideoError(name, "is not a file; name one video file")
    if path.stat().st_size == 0:
        raise VideoError(name, "the file is empty")
    if not os.access(path, os.R_OK):
        raise VideoError(name, "the file may not be read by this user")
