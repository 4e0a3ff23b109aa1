"""What a video is named by, how that name is written in messages, and whether there is a file to open."""

from __future__ import annotations

import io
import operator
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeGuard, TypeVar, cast, overload

from PIL import Image as PillowImage

from vidcls.errors import ArgumentError, VideoError
from vidcls.files.kinds import foreign_kind, mistaken, where_else, why_no_file
from vidcls.video.folders import VIDEO_EXTENSIONS
from vidcls.video.playlist import check_is_no_playlist, check_leads_nowhere
from vidcls.video.protocols import (
    LIVE_PROTOCOLS,
    PROTOCOLS,
    file_url_path,
    is_page,
    normalised_url,
    page_site,
    protocol_of,
    refused_protocol,
    without_secrets,
)
from vidcls.video.protocols import is_url as is_url  # noqa: PLC0414 - for those who ask about sources here

Found = TypeVar("Found")

# A path, a URL, or an open binary file that can seek (io.BytesIO for bytes in memory).
VideoSource: TypeAlias = str | os.PathLike[str] | io.BufferedIOBase

# 8K video has 33 million pixels; what claims more is a damaged header, and decoding it would take gigabytes.
MAX_PIXELS = 36_000_000
# Resized, a picture thinner than this would become as long as a book.
MAX_PROPORTION = 100
# How long a server may take to answer, and to send the next packet.
OPEN_SECONDS = 15
READ_SECONDS = 15
# A file that was changed so shortly ago may still be being written.
WRITTEN_SECONDS = 3.0
# OpenCV takes the hundreds of a camera's number for the interface to reach it by.
_CAMERAS = 100
_NO_NUMBER = "a camera is given to predict and stream by its number, without quotes"
# Surrogates that stand for no byte of a name: see os.fsdecode.
_NO_BYTES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_ZIP = b"PK\x03\x04"
# How files of one picture begin: PNG, JPEG, BMP, TIFF.
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\x00", b"MM\x00*")


def source_name(source: int | VideoSource) -> str:
    """The video's name for messages and reports: its path, or its URL without user and password."""
    if isinstance(source, int):
        return f"camera {source}"
    if isinstance(source, io.BufferedIOBase):
        name = getattr(source, "name", None)
        return f"<{name}>" if name and isinstance(name, str) else "<video in memory>"
    name = os.fspath(source)
    if is_url(name):
        return without_secrets(name)
    # So that it can be printed. What the system could not decode are surrogates that stand for bytes; JSON has others.
    return _NO_BYTES.sub("\ufffd", name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def camera_number(given: object) -> int | None:
    """The camera's number that this is: what Python takes for an index, as it does NumPy's integers. None of others.

    Examples:
        >>> import numpy as np
        >>> camera_number(np.int64(1)), camera_number(True), camera_number("1")
        (1, None, None)

    Raises:
        ValueError: below 0, or above 99.
    """
    # Of PyTorch's tensors, those of truth values are taken for an index too.
    if isinstance(given, bool) or str(getattr(given, "dtype", "")).endswith("bool"):
        return None
    try:
        number = operator.index(given)  # type: ignore[arg-type]
    except TypeError:
        return None
    if not 0 <= number < _CAMERAS:
        raise ArgumentError(
            f"the camera's number is {number}, expected 0 for the first one, 1 for the next, up to {_CAMERAS - 1}"
        )
    return number


def is_live(source: int | VideoSource) -> TypeGuard[int | str]:
    """Whether this is a camera's number or a URL of a protocol without an end: there is only now to look at."""
    if isinstance(source, bool):
        return False
    if isinstance(source, str):
        return is_url(source) and protocol_of(source) in LIVE_PROTOCOLS
    return isinstance(source, int)


@overload
def openable(source: str | os.PathLike[str]) -> str: ...
@overload
def openable(source: VideoSource) -> str | io.BufferedIOBase: ...
def openable(source: VideoSource) -> str | io.BufferedIOBase:
    """What a decoder is to open: an absolute path, a URL or an open file, once that is seen to be there.

    Raises:
        VideoError: there is no such file, it is empty, it may not be read, or it leads to other places;
            or the URL's protocol is none that may be opened.
        TypeError: not something that names a video.
    """
    if isinstance(source, io.BufferedIOBase):
        if not source.seekable():
            raise VideoError(source_name(source), "cannot be read twice; write it to a file first, or to an io.BytesIO")
        with _reading(source_name(source)):
            check_is_no_playlist(cast(BinaryIO, source), name=source_name(source))
        beginning = look_inside(source, lambda file: file.read(4), name=source_name(source))
        check_is_no_archive(beginning or b"", name=source_name(source))
        return source
    if isinstance(source, bytes | bytearray):
        raise TypeError("a video in memory is given as io.BytesIO(...), a path as a str or a pathlib.Path")
    name = os.fspath(source) if isinstance(source, str | os.PathLike) else source
    if not isinstance(name, str):
        raise TypeError(
            "a video is named by a str or a pathlib.Path, or given as an open binary file, not as "
            f"{type(name).__name__}"
        )
    # A Path is a path, and so is the name of a file that is there, whatever stands before its first colon.
    protocol = protocol_of(name) if isinstance(source, str) else None
    if protocol in PROTOCOLS and is_url(name):
        if protocol != "file":
            if (site := page_site(name)) is not None:
                raise VideoError(source_name(name), is_page(f"of {site}"))
            return normalised_url(name)
        path = Path(file_url_path(name))
    else:
        path = Path(name)
        if protocol is not None and not os.path.lexists(path):
            raise refused_protocol(name)
    _check_file(path, source_name(source))
    return str(path.absolute())  # FFmpeg takes what stands before a ':' at the start for a protocol


def cannot_be_opened(opened: str | io.BufferedIOBase) -> str:
    """What to say where no decoder opens what `openable` returned."""
    if isinstance(opened, str) and is_url(opened):
        return "cannot be opened as a video; check the address, and that it is up"
    if isinstance(opened, str) and mistaken(Path(opened)) in ("model", "weights"):
        return "is a model, not a video; name the model first, then the videos"
    if isinstance(opened, str) and (kind := foreign_kind(Path(opened))) is not None:
        return f"is {kind}, not a video; name a video file"
    if isinstance(opened, str):
        try:
            changed = Path(opened).stat().st_mtime
        except OSError as error:
            return _no_longer(error)
        if time.time() - changed < WRITTEN_SECONDS:
            return (
                "cannot be opened as a video; check that it plays, or wait until it is complete: "
                "it was written to a moment ago"
            )
    return "cannot be opened as a video; check that the file plays and is complete"


def bytes_of(opened: str | io.BufferedIOBase, *, name: str) -> int | None:
    """How many bytes what `openable` returned has now; None of a URL, and of an open file.

    Raises:
        VideoError: of the video `name`: its file is there no more.
    """
    if not isinstance(opened, str) or is_url(opened):
        return None
    with _reading(name):
        return Path(opened).stat().st_size


def look_inside(opened: str | io.BufferedIOBase, read: Callable[[BinaryIO], Found], *, name: str) -> Found | None:
    """What `read` makes of the bytes of what `openable` returned; None of a URL.

    Raises:
        VideoError: of the video `name`: its file is there no more, or fails while it is read.
    """
    if isinstance(opened, str) and is_url(opened):
        return None
    with _reading(name):
        if isinstance(opened, str):
            with Path(opened).open("rb") as file:
                return read(file)
        position = opened.tell()
        opened.seek(0)
        found = read(cast(BinaryIO, opened))
        opened.seek(position)  # a decoder may be reading it
        return found


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Where what is read of the video `name` cannot be read, that is a VideoError: others may come after it."""
    try:
        yield
    except OSError as error:
        raise VideoError(name, _no_longer(error)) from None


def _no_longer(error: OSError) -> str:
    reason = error.strerror or error
    return f"cannot be read any more ({reason}); check that it is still there and that its disk is well"


def check_is_no_archive(beginning: bytes, *, name: str) -> None:
    """Raise VideoError of a zip archive: FFmpeg would find the first video that is stored in it, and no other."""
    if beginning.startswith(_ZIP):
        raise VideoError(name, "is a zip archive, not a video; unpack it first")


def check_size(name: str, width: int, height: int, *, limit: int = MAX_PIXELS) -> None:
    """Raise VideoError if the pictures of the video `name` have more than `limit` pixels."""
    if 0 < MAX_PROPORTION * min(width, height) < max(width, height):
        raise VideoError(
            name, f"its pictures are said to be {width} x {height}, which no camera makes; the file is damaged"
        )
    if width * height > limit:
        raise VideoError(
            name,
            f"its pictures are said to be {width} x {height}, expected at most {limit / 1e6:.0f} million pixels; "
            "the file is damaged, or has to be scaled down first",
        )


def _check_file(path: Path, name: str) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise VideoError(name, "OpenCV opens only files whose names are valid UTF-8; rename it") from None
    problem = why_no_file(path)
    if problem is not None:
        hint = None if os.path.lexists(path) else _NO_NUMBER if name.isdecimal() else where_else(path, VIDEO_EXTENSIONS)
        raise VideoError(name, f"{problem}; {hint}" if hint else problem)
    if not os.access(path, os.R_OK):
        raise VideoError(name, "the file may not be read by this user")
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
    except OSError as error:
        raise VideoError(name, f"cannot be read ({error.strerror})") from None
    if not beginning:
        raise VideoError(name, "the file is empty")
    check_is_no_archive(beginning, name=name)
    if beginning.startswith(_PICTURES):
        _check_picture_size(path, name)
    with _reading(name):
        check_leads_nowhere(path.absolute(), name=name)


def _check_picture_size(path: Path, name: str) -> None:
    # FFmpeg decodes a picture to find out about it, before its size can be asked for.
    try:
        with PillowImage.open(path) as picture:
            size = picture.size
    except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning):
        raise VideoError(name, f"a picture of far more than {MAX_PIXELS / 1e6:.0f} million pixels") from None
    except (OSError, SyntaxError, ValueError):
        raise VideoError(name, "it begins like a picture, but is damaged") from None
    check_size(name, *size)
