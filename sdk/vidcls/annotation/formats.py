"""Which files annotated videos are written to, and what never is one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from vidcls.errors import ArgumentError
from vidcls.video.source import VideoSource, source_name

# FFmpeg's names for what the endings stand for.
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
ENDINGS = ", ".join(CONTAINERS)


def container_of(output: Path) -> str:
    """FFmpeg's name of the container that a file of this name is.

    Raises:
        ValueError: a video is not written to such a file.
    """
    container = CONTAINERS.get(output.suffix.lower())
    if container is None:
        raise ArgumentError(f"{output}: an annotated video is written as {ENDINGS}, not as '{output.suffix}'")
    return container


def check_output(output: Path, videos: Iterable[int | VideoSource]) -> None:
    """Raise ValueError unless a video can be written there without any of `videos` being lost.

    A file with another name that is the same one, by a link for example, counts as the same.
    """
    container_of(output)
    for video in videos:
        if is_same_file(output, video):
            raise ArgumentError(f"{output}: is the video {source_name(video)} itself; name another file to write")


def is_same_file(path: Path, video: int | VideoSource) -> bool:
    """Whether a video is read from that file."""
    if not isinstance(video, str | os.PathLike):
        return False
    try:
        return path.samefile(video)
    except (OSError, ValueError):  # there is no such file, or it is a URL
        return False
