"""What names a video's frames in the cache: its content, and which stretch of it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from vidcls.errors import VideoError

_LONG_VIDEOS = 10_000


def _content_key(video: Path) -> str:
    """The SHA-256 of a file's bytes, in hex.

    Raises:
        VideoError: the file cannot be read.
    """
    try:
        with video.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise VideoError(str(video), f"cannot be read ({error.strerror})") from None


def footage_key(video: Path, stretch: tuple[float, float] | None) -> str:
    """What names the frames of a video, or of a stretch of it, whatever the file is called: 64 hex digits.

    Raises:
        VideoError: the file cannot be read.
    """
    if stretch is None:
        return _content_key(video)
    try:
        status = video.stat()
    except OSError as error:
        raise VideoError(str(video), f"cannot be read ({error.strerror})") from None
    content = _key_of_a_long_video(video, status.st_size, status.st_mtime_ns)
    return hashlib.sha256(f"{content} {stretch[0].hex()} {stretch[1].hex()}".encode()).hexdigest()


@lru_cache(_LONG_VIDEOS)
def _key_of_a_long_video(video: Path, size: int, changed: int) -> str:
    """`_content_key`, computed once for all stretches of it; `size` and `changed` say that it is still the same."""
    del size, changed
    return _content_key(video)
