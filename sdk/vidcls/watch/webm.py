"""Pictures -> a .webm file that every browser plays, by OpenCV: VP8, at a constant rate."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

# OpenCV says on stderr that it knows no tag for VP8 in WebM, and writes it all the same; in Matroska, of which WebM is
# a part, it says nothing. So a Matroska file is written, and called by the name of that part: 11 bytes for 11.
_MATROSKA = b"\x42\x82\x88matroska"
_WEBM = b"\x42\x82\x84webm\xec\x82\0\0"  # and a void element of two bytes
_SEGMENT = b"\x18\x53\x80\x67\x01"  # whose length follows, in seven bytes


def write_webm(path: Path, pictures: Iterable[npt.NDArray[np.uint8]], *, rate: float, size: tuple[int, int]) -> None:
    """Write uint8 BGR pictures [H, W, 3] of that size (width, height) as a film of `rate` pictures a second.

    Raises:
        OSError: it cannot be written whole.
    """
    raw = path.with_suffix(".mkv")
    writer = cv2.VideoWriter(str(raw), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"VP80"), rate, size)
    try:
        if not writer.isOpened():
            raise OSError(errno.EIO, "OpenCV cannot write a video there", str(path))
        for picture in pictures:
            writer.write(picture)
    finally:
        writer.release()
    _call_webm(raw)
    raw.replace(path)


def _call_webm(path: Path) -> None:
    """Write into a Matroska file that it is WebM, once it is sure that it is whole: OpenCV does not say so."""
    with path.open("r+b") as file:
        head = file.read(256)
        kind, segment = head.find(_MATROSKA), head.find(_SEGMENT)
        start = segment + len(_SEGMENT)
        stated = int.from_bytes(head[start : start + 7], "big")  # all ones before the file was ended
        if min(kind, segment) < 0 or start + 7 + stated != os.fstat(file.fileno()).st_size:
            raise OSError(errno.ENOSPC, "not all of it could be written; the disk may be full", str(path))
        file.seek(kind)
        file.write(_WEBM)
