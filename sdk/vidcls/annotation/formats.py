"""Which files videos are written to, and what never is one."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from vidcls.errors import ArgumentError, DependencyError, VideoError
from vidcls.video.optional import find_pyav
from vidcls.video.protocols import file_url_path, is_url, protocol_of
from vidcls.video.source import VideoSource, source_name

# FFmpeg's names for what the endings stand for.
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
# Those that the encoders of every wheel of OpenCV write into.
OPENCV_ENDINGS = (".mp4", ".mov", ".mkv")


def container_of(output: Path) -> str:
    """FFmpeg's name of the container that a file of this name is.

    Raises:
        ValueError: a video is not written to such a file.
    """
    container = CONTAINERS.get(output.suffix.lower())
    if container is None:
        raise _unknown_ending(output, CONTAINERS)
    return container


def check_output(output: Path, videos: Iterable[int | VideoSource], *, pictures: Collection[str] = ()) -> None:
    """Raise unless a video can be written there without any of `videos` being lost.

    A file with another name that is the same one, by a link or a file:// URL for example, counts as the same.

    Args:
        output: the file.
        videos: that are read.
        pictures: endings that are taken beside a video's, for what is written as a picture instead.

    Raises:
        ValueError: the file has another ending, or it is one of the videos.
        DependencyError: only PyAV writes it, and that is not installed.
        FileNotFoundError: there is no such folder.
    """
    ending = output.suffix.lower()
    if ending not in (*CONTAINERS, *pictures):
        raise _unknown_ending(output, (*CONTAINERS, *pictures))
    if not output.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to write it to", str(output))
    if find_pyav() is None and ending not in (*OPENCV_ENDINGS, *pictures):
        raise DependencyError(
            f"{output}: without PyAV a video is written as {', '.join(OPENCV_ENDINGS)}; name it so, or run "
            "'pip install \"vidcls[av]\"'"
        )
    for video in videos:
        if is_same_file(output, video):
            raise ArgumentError(f"{output}: is the video {source_name(video)} itself; name another file to write")


def _unknown_ending(output: Path, endings: Iterable[str]) -> ArgumentError:
    return ArgumentError(f"{output}: it is written as {', '.join(endings)}, not as '{output.suffix}'")


def is_same_file(path: Path, video: int | VideoSource) -> bool:
    """Whether a video is read from that file."""
    try:
        if isinstance(video, io.BufferedIOBase):
            return os.path.samestat(path.stat(), os.fstat(video.fileno()))
        if isinstance(video, str | os.PathLike):
            return path.samefile(_path_of(video))
    except (OSError, ValueError, VideoError):  # there is no such file, it is a URL of something else, or in memory
        pass
    return False


def _path_of(video: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """The path that is opened for a video, where it is a file."""
    is_file_url = isinstance(video, str) and is_url(video) and protocol_of(video) == "file"
    return file_url_path(os.fspath(video)) if is_file_url else video
