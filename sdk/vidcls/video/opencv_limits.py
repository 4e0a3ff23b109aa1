"""What OpenCV cannot give and does not say: it is refused here, before an answer about something else comes out.

OpenCV reads the first stream with pictures, whichever that is.
"""

from __future__ import annotations

import io
from pathlib import Path

from vidcls.errors import DependencyError
from vidcls.video.opencv import OpenCVVideo, needs_pyav
from vidcls.video.source import VideoSource, is_url
from vidcls.video.structure import video_tracks


def check_stream(video: OpenCVVideo, source: VideoSource) -> None:
    """Raise VideoError where the stream that OpenCV reads is not the film."""
    tracks = _tracks(source)
    if tracks == 1:
        return
    try:
        from vidcls.video.pyav import film_is_first  # noqa: PLC0415 - an optional package
    except DependencyError:
        is_film = tracks is None
    else:
        is_film = film_is_first(source)
    if not is_film:
        raise needs_pyav(video.name, "it holds several streams of pictures, of which OpenCV cannot choose the film")


def _tracks(source: VideoSource) -> int | None:
    if isinstance(source, io.BufferedIOBase):
        position = source.tell()
        source.seek(0)
        tracks = video_tracks(source)
        source.seek(position)
        return tracks
    if isinstance(source, str) and is_url(source):
        return None
    with Path(source).open("rb") as file:
        return video_tracks(file)
