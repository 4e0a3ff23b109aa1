"""Which of a file's streams is the film: not a cover picture, and of several the one that FFmpeg holds for the best."""

from __future__ import annotations

from typing import Any

from vidcls.errors import VideoError

# FFmpeg's AV_DISPOSITION_ATTACHED_PIC, _TIMED_THUMBNAILS and _STILL_IMAGE: pictures about the film, not the film.
_PICTURES = 0x400 | 0x800 | 0x100000


def choose_film(container: Any, name: str) -> Any:
    """The stream of an open `av` container that is the film.

    FFmpeg's best video stream (`av_find_best_stream`: one that is marked as the default, then the one with more
    frames at the beginning, then the higher bit rate), if it is not a picture about the film; else the largest
    of those that are none.

    Raises:
        VideoError: there is none, or nothing decodes its codec.
    """
    streams = list(container.streams.video)
    if not streams:
        raise VideoError(name, "there are no pictures in it, as in a sound; name a video file")
    films = [stream for stream in streams if not int(stream.disposition) & _PICTURES]
    if not films:
        raise VideoError(
            name,
            "it holds a single picture, as the cover of a sound, and no video; give pictures to predict_frames",
        )
    decodable = [stream for stream in films if stream.codec_context is not None]
    if not decodable:
        raise VideoError(name, "nothing that is installed decodes its codec")
    best = container.streams.best("video")
    if best in decodable:
        return best
    return max(decodable, key=lambda stream: (stream.codec_context.width * stream.codec_context.height, -stream.index))


def is_first(container: Any, film: Any) -> bool:
    """Whether the film is the first of all streams with pictures, which is the one that OpenCV reads."""
    return bool(container.streams.video[0].index == film.index)
