"""What somebody gives as a video: brought into one form, or answered with what is taken instead. No I/O."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from vidcls.errors import ArgumentError
from vidcls.schema import shown
from vidcls.video.source import VideoSource, camera_number

# One video: a path, a URL, a camera's number, or its content, in memory or in an open binary file.
VideoInput: TypeAlias = int | VideoSource | bytes | bytearray | memoryview

_TAKEN = (
    "expected a path, a URL, a camera's number, the bytes or an open binary file of a video, or its frames with fps= "
    "or times="
)


def one_video(given: object) -> int | VideoSource:
    """What names or holds one video, in the form in which readers take it: bytes become a file in memory.

    Examples:
        >>> one_video("clip.avi"), one_video(np.int64(0)), one_video(b"RIFF").read()
        ('clip.avi', 0, b'RIFF')

    Raises:
        TypeError: something else; says what is taken.
        ValueError: an empty name, or a camera's number below 0 or above 99.
    """
    number = camera_number(given)
    if number is not None:
        return number
    if isinstance(given, bytes | bytearray | memoryview):
        return io.BytesIO(_content(bytes(given)))
    if isinstance(given, str | os.PathLike):
        if isinstance(given, str) and not given.strip():
            raise ArgumentError(f"video is {given!r}, an empty name, {_TAKEN}")
        return given
    # What tempfile hands out wraps an open file.
    opened = getattr(given, "file", given)
    if isinstance(opened, io.BufferedIOBase):
        return opened
    instead = _instead(given)
    raise TypeError(f"video is {_called(given)}" + (f", {_TAKEN}" if instead is None else f"; {instead}"))


def _content(content: bytes) -> bytes:
    if not content:
        raise ArgumentError("video is 0 bytes, expected the content of a video file; check what they were read from")
    try:
        is_name = len(content) < 4096 and b"\0" not in content and os.path.lexists(content)
    except (OSError, ValueError):
        is_name = False
    if is_name:
        raise TypeError(
            f"video is {shown(content)}, a name in bytes; give it as a str, or the bytes that are in the file"
        )
    return content


def _called(given: object) -> str:
    if given is None or isinstance(given, bool | float):
        return repr(given)
    kind = type(given)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0].lstrip('_')}."
    return f"a {module}{kind.__name__}"


def _instead(given: Any) -> str | None:
    """What to give instead of a thing of a wrong kind that is often given; None of others."""
    if hasattr(given, "grab") and hasattr(given, "retrieve"):  # OpenCV's, or one that does as it does
        return (
            "give predict what it was opened with, a path, a URL or a camera's number; or the frames that were read "
            "from it, by predict(frames, fps=25.0, channels='bgr')"
        )
    if isinstance(given, io.TextIOBase):
        return "a video file is opened as binary, by open(path, 'rb'), or named by its path"
    if hasattr(given, "read"):
        return "give io.BytesIO(file.read()), or what open(path, 'rb') gives"
    if len(getattr(given, "shape", ())) > 3:
        return "predict(frames, fps=25.0) takes the frames of one video"
    # NumPy's numbers are arrays too, of no axis.
    if getattr(given, "shape", ("?",)) != () and (hasattr(given, "__array_interface__") or hasattr(given, "__array__")):
        return "one picture is no video; predict_frames([picture, ...]) takes the pictures of a clip"
    if isinstance(given, Mapping):
        return "give the one of its values that names the video, or holds it"
    if isinstance(given, Iterator):
        return "make a list of it first: predict(list(frames), fps=25.0), or predict_many(videos) for many videos"
    if isinstance(given, set | frozenset) or hasattr(given, "iloc"):
        return "predict takes one video; predict_many takes many, in the order of a list or a column"
    return None
