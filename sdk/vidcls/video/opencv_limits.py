"""What OpenCV cannot give and does not say: it is refused here, before an answer about something else comes out.

OpenCV reads the first stream with pictures, whichever that is.
"""

from __future__ import annotations

from vidcls.video.opencv import OpenCVVideo, needs_pyav
from vidcls.video.optional import find_pyav
from vidcls.video.protocol import Video
from vidcls.video.source import look_inside
from vidcls.video.structure import video_tracks

# What OpenCV and PyAV call the codecs of files that hold one picture.
_PICTURE_CODECS = frozenset({"", "MJPG", "MPNG", "tiff", "webp", "bmp", "mjpeg", "png"})
# A cover picture in a sound file has no rate; FFmpeg then gives the ticks of its clock.
_COVER_RATE = 90_000


def check_stream(video: OpenCVVideo) -> None:
    """Raise VideoError where the stream that OpenCV reads is not the film."""
    tracks = look_inside(video.source, video_tracks, name=video.name)
    if is_picture(video):
        if tracks:
            raise needs_pyav(video.name, "OpenCV reads its cover picture instead of the film")
        return
    if tracks == 1:
        return
    is_first = _film_is_first(video)
    is_film = tracks is None if is_first is None else is_first
    if not is_film:
        raise needs_pyav(video.name, "it holds several streams of pictures, of which OpenCV cannot choose the film")


def _film_is_first(video: OpenCVVideo) -> bool | None:
    """Whether the film is the first of all streams with pictures; None where there is no PyAV, which knows."""
    pyav = find_pyav()
    if pyav is None:
        return None
    opened = pyav.PyAVVideo(video.source)
    opened.close()
    return bool(opened.is_first)


def is_picture(video: Video) -> bool:
    """Whether what was opened is a single picture: a file of one, or a cover."""
    if video.codec not in _PICTURE_CODECS:
        return False
    is_cover = video.average_rate == _COVER_RATE
    return is_cover or (video.stated_seconds is None and len(video.packets(end=0.0)) == 1)
