"""What OpenCV cannot give and does not say: it is refused here, before an answer about something else comes out.

OpenCV reads the first stream with pictures, whichever that is.
"""

from __future__ import annotations

from vidcls.errors import DependencyError
from vidcls.video.opencv import OpenCVVideo, needs_pyav
from vidcls.video.source import look_inside
from vidcls.video.structure import video_tracks


def check_stream(video: OpenCVVideo) -> None:
    """Raise VideoError where the stream that OpenCV reads is not the film."""
    tracks = look_inside(video.source, video_tracks)
    if tracks == 1:
        return
    try:
        from vidcls.video.pyav import film_is_first  # noqa: PLC0415 - an optional package
    except DependencyError:
        is_film = tracks is None
    else:
        is_film = film_is_first(video.source)
    if not is_film:
        raise needs_pyav(video.name, "it holds several streams of pictures, of which OpenCV cannot choose the film")
