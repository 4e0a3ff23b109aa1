"""Which decoder opens a video, and what is refused as soon as it is open."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from vidcls.errors import VideoError
from vidcls.schema import check_choice
from vidcls.video.frames import NO_FRAME
from vidcls.video.opencv import OpenCVVideo, needs_pyav
from vidcls.video.opencv_limits import check_stream, is_picture
from vidcls.video.optional import find_pyav, require_pyav
from vidcls.video.protocol import Video
from vidcls.video.protocols import is_remote
from vidcls.video.remote import is_endless
from vidcls.video.source import VideoSource, source_name

Decoder: TypeAlias = Literal["auto", "opencv", "pyav"]

# Codecs that every OpenCV decodes, by its names: what does not come out of these is damaged.
_DECODED = frozenset({"h264", "avc1", "hevc", "hev1", "hvc1", "fmp4", "mp4v", "xvid", "mjpg", "vp80", "vp90", "vp09"})


class EndlessError(VideoError):
    """What stands at a URL states no length and does not end: it is live."""

    def __init__(self, url: str) -> None:
        super().__init__(source_name(url), "it states no length; watch a live stream with stream(), download a file")
        self.url = url

    def __reduce__(self) -> tuple[type[EndlessError], tuple[str]]:
        return type(self), (self.url,)  # not in args, which a traceback may print: it may hold a password


def default_decoder() -> Literal["opencv", "pyav"]:
    """The decoder that "auto" is on this machine."""
    return "opencv" if find_pyav() is None else "pyav"


def open_decoder(source: VideoSource, *, decoder: Decoder, timeout_seconds: float) -> Video:
    """Open a video of which at least the first frame can be decoded; see `vidcls.video.reader.open_video`."""
    check_choice("decoder", decoder, get_args(Decoder))
    chosen = default_decoder() if decoder == "auto" else decoder
    opened = _open_opencv if chosen == "opencv" else _open_pyav
    video = opened(source, timeout_seconds=timeout_seconds)
    try:
        _check(video, source)
    except VideoError:
        video.close()
        raise
    return video


def _open_opencv(source: VideoSource, *, timeout_seconds: float) -> Video:
    video = OpenCVVideo(source, timeout_seconds=timeout_seconds)
    try:
        if not video.has_frame and video.codec.lower() not in _DECODED and video.packets(end=0.0):
            raise needs_pyav(video.name, f"OpenCV cannot decode its codec ({video.codec or 'not named in the file'})")
        check_stream(video)
    except VideoError:
        video.close()
        raise
    return video


def _open_pyav(source: VideoSource, *, timeout_seconds: float) -> Video:
    video: Video = require_pyav().PyAVVideo(source, timeout_seconds=timeout_seconds)
    return video


def _check(video: Video, source: VideoSource) -> None:
    if not video.has_frame:
        raise VideoError(video.name, NO_FRAME)
    if is_picture(video):
        raise VideoError(video.name, "a single picture, not a video; give pictures to predict_frames")
    if isinstance(source, str) and is_remote(source) and video.stated_seconds is None and is_endless(source):
        raise EndlessError(source)
