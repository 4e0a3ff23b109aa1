"""A video file and the numbers of wanted frames -> uint8 RGB.

Frames are numbered in the order the decoder hands them out, which is the order they are shown in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeAlias, get_args

from vidcls.errors import DependencyError, VideoError
from vidcls.sampling import CLOCK_SECONDS
from vidcls.schema import check_choice
from vidcls.video.frames import checked_index, scan
from vidcls.video.interlacing import InterlacedError, converted
from vidcls.video.opencv import OpenCVVideo
from vidcls.video.protocol import Frame, Video
from vidcls.video.source import VideoSource, is_url, source_name

Decoder: TypeAlias = Literal["auto", "opencv", "pyav"]

# What OpenCV and PyAV call the codecs of files that hold one picture.
_PICTURE_CODECS = frozenset({"", "MJPG", "MPNG", "tiff", "webp", "bmp", "mjpeg", "png"})
# A cover picture in a sound file has no rate; FFmpeg then gives the ticks of its clock.
_COVER_RATE = 90_000

# Frames per second above which a header states its clock rather than a rate.
_PLAUSIBLE_RATE = 120.0


class EndlessError(VideoError):
    """What stands at a URL states no length: it may be live, and have no end."""

    def __init__(self, url: str) -> None:
        super().__init__(source_name(url), "it states no length; watch a live stream with stream(), download a file")
        self.args = (url,)
        self.url = url


@contextmanager
def open_video(source: VideoSource, *, decoder: Decoder = "auto") -> Iterator[Video]:
    """Open a video of which at least the first frame can be decoded.

    Args:
        source: a path, a URL, or an open binary file.
        decoder: "opencv"; "pyav", which needs vidcls[av]; "auto" is OpenCV, and PyAV for a codec that
            this build of OpenCV lacks.

    Raises:
        VideoError: the video cannot be opened, or not one frame of it can be decoded.
        EndlessError: a VideoError; a URL of something that states no length.
        DependencyError: "pyav" without PyAV.
    """
    video = _open(source, decoder=decoder)
    try:
        if isinstance(source, str) and is_url(source) and video.stated_frames is None:
            raise EndlessError(source)
        yield video
    finally:
        video.close()


def read_times(source: VideoSource, *, decoder: Decoder = "auto") -> list[float]:
    """Seconds after the first frame of every frame, in decoder order; at least one.

    Decodes the video from beginning to end.

    Raises:
        VideoError: the video cannot be opened, or not one frame of it can be decoded.
    """
    with open_video(source, decoder=decoder) as video:
        return scan(video).times


def scan_frames(source: VideoSource, *, every_seconds: float, visit: Callable[[Frame], None]) -> list[float]:
    """As `read_times`; on the way, hands `visit` a frame about every so many seconds, from the first on.

    For an overview of a whole video in one pass: which frames these are goes by the header's frame rate.

    Args:
        visit: takes uint8 RGB [H, W, 3], upright.

    Raises:
        VideoError: the video cannot be opened, or not one frame of it can be decoded.
    """
    try:
        return _scan_frames(source, every_seconds=every_seconds, visit=visit, decoder="auto")
    except InterlacedError:
        return _scan_frames(source, every_seconds=every_seconds, visit=visit, decoder="pyav")


def _scan_frames(
    source: VideoSource, *, every_seconds: float, visit: Callable[[Frame], None], decoder: Decoder
) -> list[float]:
    with open_video(source, decoder=decoder) as video:
        rate = min(video.average_rate or _PLAUSIBLE_RATE, _PLAUSIBLE_RATE)
        pts_seconds: list[float] = []

        def spread() -> Iterator[Frame]:
            video.restart()
            shown = 0
            while (pts := video.grab()) is not None:
                if len(pts_seconds) / rate >= shown * every_seconds - CLOCK_SECONDS:
                    shown += 1
                    yield video.retrieve()
                pts_seconds.append(pts)

        for frame in spread() if decoder == "pyav" else converted(spread(), video, source):
            visit(frame)
        return checked_index(video, pts_seconds).times


def iter_frames(source: VideoSource, indices: Sequence[int], *, decoder: Decoder = "auto") -> Iterator[Frame]:
    """Decode the frames numbered `indices` (strictly increasing), one after the other, from the beginning.

    Yields:
        uint8 RGB [H, W, 3], upright as the container's rotation says, one per index.

    Raises:
        VideoError: the video cannot be opened, or ends before the last index.
    """
    given = 0
    try:
        for frame in _iter_frames(source, indices, decoder=decoder):
            given += 1
            yield frame
    except InterlacedError:
        if decoder == "opencv":
            raise
        yield from _iter_frames(source, indices[given:], decoder="pyav")


def _iter_frames(source: VideoSource, indices: Sequence[int], *, decoder: Decoder) -> Iterator[Frame]:
    with open_video(source, decoder=decoder) as video:
        frames = _frames(video, indices)
        yield from frames if decoder == "pyav" else converted(frames, video, source)


def _frames(video: Video, indices: Sequence[int]) -> Iterator[Frame]:
    video.restart()
    position = 0
    for index in indices:
        while position <= index:
            if video.grab() is None:
                raise VideoError(video.name, f"frame {index} cannot be decoded, the file gave {position} frames")
            position += 1
        yield video.retrieve()


def _open(source: VideoSource, *, decoder: Decoder) -> Video:
    check_choice("decoder", decoder, get_args(Decoder))
    if decoder == "pyav":
        return _with_a_frame(_open_pyav(source))
    video = OpenCVVideo(source)
    if video.peek() is not None or not video.packets(end=0.0):
        return _with_a_frame(video)
    # There are compressed frames, but OpenCV decodes not one of them.
    video.close()
    codec = f"OpenCV cannot decode its codec ({video.codec or 'not named in the file'})"
    if decoder == "opencv":
        raise VideoError(video.name, f"{codec}; choose decoder 'pyav', which 'pip install \"vidcls[av]\"' brings")
    try:
        return _with_a_frame(_open_pyav(source))
    except DependencyError:
        raise VideoError(
            video.name, f"{codec}; PyAV may: run 'pip install \"vidcls[av]\"', it is then used for this video"
        ) from None


def _open_pyav(source: VideoSource) -> Video:
    from vidcls.video.pyav import PyAVVideo  # noqa: PLC0415 - an optional package

    return PyAVVideo(source)


def _with_a_frame(video: Video) -> Video:
    problem = None
    if video.peek() is None:
        problem = "no frame can be decoded; check that the file plays and is complete"
    elif _is_picture(video):
        problem = "a single picture, not a video; give pictures to predict_frames"
    if problem is not None:
        video.close()
        raise VideoError(video.name, problem)
    return video


def _is_picture(video: Video) -> bool:
    is_file = video.stated_frames is None and video.codec in _PICTURE_CODECS
    is_cover = video.average_rate == _COVER_RATE
    return (is_file or is_cover) and len(video.packets(end=0.0)) == 1
