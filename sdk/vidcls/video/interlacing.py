"""Whether OpenCV really converted a video's pictures, which some wheels (4.13 to 5.0 at least) fail to do silently.

FFmpeg 8's swscale refuses to convert frames that are marked as interlaced. OpenCV does not look at that, and
hands out the same untouched memory for every frame: black, or what happened to lie there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vidcls.errors import VideoError
from vidcls.video.frame_index import PTS_TOLERANCE_SECONDS
from vidcls.video.opencv import OpenCVVideo, needs_pyav
from vidcls.video.optional import find_pyav
from vidcls.video.protocol import Frame, Picture, Video
from vidcls.video.source import VideoSource

if TYPE_CHECKING:
    from vidcls.video.pyav import PyAVVideo

# A scene that stays the same for so many frames and is black is taken for memory that was never written to.
STILL_FRAMES = 1000
# A frame asked for by its time is found to within one or two.
_FRAMES_AROUND = 4


def converted(pictures: Iterator[Picture], video: Video, source: VideoSource) -> Iterator[Picture]:
    """The frames that OpenCV gives of `video`, as long as they turn out to have been converted.

    Two frames that follow each other and are the same, to the last pixel, are what it looks for; a still scene is
    distinguished from unconverted frames once, by what PyAV or a second decoding says.

    Raises:
        VideoError: they were not converted; the frames handed out before were.
    """
    frames = (picture() for picture in pictures)
    first = next(frames, None)
    if first is None:
        return
    # Only when the second is there can the first be judged.
    try:
        second = next(frames, None)
    except VideoError:
        yield partial(_same, first)
        raise
    is_checked = second is None or np.array_equal(first, second)
    if is_checked:
        _check(source, seconds=video.seconds)
    yield partial(_same, first)
    if second is None:
        return
    yield partial(_same, second)
    before = second
    for frame in frames:
        if not is_checked and np.array_equal(before, frame):
            is_checked = True
            _check(source, seconds=video.seconds)
        yield partial(_same, frame)
        before = frame


def _same(frame: Frame) -> Frame:
    return frame


def _check(source: VideoSource, *, seconds: float) -> None:
    source = _of_its_own(source)
    pyav = find_pyav()
    if pyav is None:
        _check_without_pyav(source)
        return
    video = pyav.PyAVVideo(source)
    try:
        if _is_interlaced(video, seconds=seconds):
            raise needs_pyav(video.name, "it is interlaced, which this version of OpenCV cannot convert")
    finally:
        video.close()


def _is_interlaced(video: PyAVVideo, *, seconds: float) -> bool:
    """Whether one of the first frames, or of those around `seconds` after the first, is made of half-pictures."""
    if _find_interlaced(video):
        return True
    pts = video.first_pts + seconds
    try:
        video.seek(pts)
    except VideoError:  # where it cannot be entered, all before it has to be decoded
        video.restart()
    while (found := video.peek()) is not None and found < pts - PTS_TOLERANCE_SECONDS:
        video.grab()
    return _find_interlaced(video)


def _find_interlaced(video: PyAVVideo) -> bool:
    return any(video.grab() is not None and video.is_interlaced() for _ in range(_FRAMES_AROUND))


def _of_its_own(source: VideoSource) -> VideoSource:
    """The same video, to be read without moving the reader that has it open already."""
    if not isinstance(source, io.BufferedIOBase):
        return source
    position = source.tell()
    source.seek(0)
    copy = io.BytesIO(source.read())
    source.seek(position)
    return copy


def _check_without_pyav(source: VideoSource) -> None:
    # Both open at once, so that the second is not given the first one's memory.
    one, other = OpenCVVideo(source), OpenCVVideo(_of_its_own(source))
    try:
        one.grab()
        other.grab()
        first = one.retrieve()()
        if np.array_equal(first, other.retrieve()()) and first.any():
            return
        for _ in range(STILL_FRAMES):
            if one.grab() is None:
                break
            if not np.array_equal(first, one.retrieve()()):
                return
    finally:
        one.close()
        other.close()
    what = "its pictures all come out alike: it is all black, or interlaced, which this OpenCV cannot convert"
    raise needs_pyav(one.name, what)
