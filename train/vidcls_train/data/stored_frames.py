"""A video's frames as they lie in a file of the cache: a fixed layout that is read without parsing anything.

    header      magic, version, number of frames, height, width
    frames      uint8 RGB [n, H, W, 3]
    times       float64 [n]: when each frame is shown, in seconds after the first
    checksums   uint32 [n]: the CRC-32 of each frame
    end         the CRC-32 of header, times and checksums

All numbers are little-endian. A file that is cut off, or that holds anything else than was written, is found out:
everything but the frames when it is opened, and each frame before its first use in a process.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from vidcls.preprocessing import resize

# Part of every file's name and of its header: raise it when the same video would be stored differently.
LAYOUT = 4

_MAGIC = b"vidclsFr"
_HEADER = struct.Struct("<8sIQII")
_END = struct.Struct("<I")
_TRAILER_BYTES_A_FRAME = 8 + 4


class DamagedFileError(Exception):
    """A file of the cache is not what was written."""


def stored_size(frame: npt.NDArray[np.uint8], *, short_side: int) -> tuple[int, int]:
    """(width, height) at which a video is stored that begins with this frame: its short side cut down, never enlarged.

    Example:
        >>> stored_size(np.zeros((240, 320, 3), np.uint8), short_side=160)
        (213, 160)
    """
    height, width = frame.shape[:2]
    short = min(height, width)
    if short <= short_side:
        return width, height
    return short_side * width // short, short_side * height // short


def fit(frame: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """A frame at the size (width, height) that its video is stored at: uint8 RGB [H, W, 3].

    Where a video changes its size midway, each frame is resized from its own, by one factor, until it covers `size`,
    and what is beyond that is cut off evenly, as prediction cuts crops from the middle.

    Example:
        >>> fit(np.zeros((480, 640, 3), np.uint8), (213, 160)).shape
        (160, 213, 3)
        >>> fit(np.zeros((640, 480, 3), np.uint8), (213, 160)).shape
        (160, 213, 3)
    """
    (width, height), (frame_height, frame_width) = size, frame.shape[:2]
    if (frame_width, frame_height) == size:
        return frame
    if frame_width * height > width * frame_height:
        covering = max(width, frame_width * height // frame_height), height
    else:
        covering = width, max(height, frame_height * width // frame_width)
    resized = resize(frame, width=covering[0], height=covering[1])
    left, top = (covering[0] - width) // 2, (covering[1] - height) // 2
    return resized[top : top + height, left : left + width]


def file_bytes(frames: int, size: tuple[int, int]) -> int:
    """How long a file is that holds so many frames of that (width, height)."""
    return _HEADER.size + frames * (size[0] * size[1] * 3 + _TRAILER_BYTES_A_FRAME) + _END.size


class StoredFrames:
    """One file, written: a header, frames one by one, and the end, which makes it whole."""

    def __init__(self, out: BinaryIO, *, pts_seconds: Sequence[float], size: tuple[int, int]) -> None:
        """Begin a file. Args: out: the open file. pts_seconds: of its frames. size: their (width, height)."""
        self._out = out
        self._times = np.array(pts_seconds, "<f8").tobytes()
        self._header = _HEADER.pack(_MAGIC, LAYOUT, len(pts_seconds), size[1], size[0])
        self._checksums: list[int] = []
        out.write(self._header)

    def add(self, frame: npt.NDArray[np.uint8]) -> None:
        """Write the next frame, uint8 RGB [H, W, 3]."""
        content = np.ascontiguousarray(frame).data
        self._checksums.append(zlib.crc32(content))
        self._out.write(content)

    def end(self) -> None:
        """Write what follows the frames."""
        trailer = self._times + np.array(self._checksums, "<u4").tobytes()
        self._out.write(trailer + _END.pack(zlib.crc32(trailer, zlib.crc32(self._header))))


@dataclass(frozen=True, eq=False)
class StoredVideo:
    """A whole file, opened: all of it is checked but the frames.

    pts_seconds: of its frames. shape: [n, H, W, 3] of its frames. checksums: uint32 [n], of each frame.
    """

    file: Path
    pts_seconds: list[float]
    shape: tuple[int, int, int, int]
    checksums: npt.NDArray[np.uint32]

    @classmethod
    def open(cls, file: Path) -> StoredVideo:
        """Read what is not frames.

        Raises:
            FileNotFoundError: it is not there.
            DamagedFileError: it is not what was written, or cannot be read.
        """
        try:
            with file.open("rb") as opened:
                return cls._read(file, opened)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DamagedFileError(f"cannot be read ({error.strerror})") from None

    @classmethod
    def _read(cls, file: Path, opened: BinaryIO) -> StoredVideo:
        header = opened.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise DamagedFileError("ends early")
        magic, layout, frames, height, width = _HEADER.unpack(header)
        if (magic, layout) != (_MAGIC, LAYOUT):
            raise DamagedFileError("begins with something else")
        if os.fstat(opened.fileno()).st_size != file_bytes(frames, (width, height)):
            raise DamagedFileError("has another length than it says")
        opened.seek(frames * height * width * 3, os.SEEK_CUR)
        trailer, end = opened.read(frames * _TRAILER_BYTES_A_FRAME), opened.read(_END.size)
        if end != _END.pack(zlib.crc32(trailer, zlib.crc32(header))):
            raise DamagedFileError("does not fit its checksum")
        times = np.frombuffer(trailer, "<f8", frames).tolist()
        checksums = np.frombuffer(trailer, "<u4", frames, offset=8 * frames)
        return cls(file, times, (frames, height, width, 3), checksums)

    def check(self, frames: Sequence[int]) -> None:
        """Compare frames, by their numbers, with their checksums.

        Raises:
            FileNotFoundError: the file is gone.
            DamagedFileError: one is not what was written, or cannot be read.
        """
        size = self.shape[1] * self.shape[2] * 3
        buffer = bytearray(size)
        try:
            with self.file.open("rb", buffering=0) as opened:  # not mapped: a sector that cannot be read would kill
                for number in frames:
                    opened.seek(_HEADER.size + number * size)
                    if opened.readinto(buffer) != size or zlib.crc32(buffer) != self.checksums[number]:
                        raise DamagedFileError(f"does not hold its frame {number} as it was written")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DamagedFileError(f"cannot be read ({error.strerror})") from None

    def map_frames(self) -> npt.NDArray[np.uint8]:
        """The frames: uint8 RGB [n, H, W, 3], read when they are used.

        Raises:
            FileNotFoundError: the file is gone.
            DamagedFileError: it is shorter than it was, or cannot be read.
        """
        # Mapped and not copied: of a window's frames few are read. Copied on write, as torch wants its memory.
        try:
            return np.asarray(np.memmap(self.file, np.uint8, mode="c", offset=_HEADER.size, shape=self.shape))
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise DamagedFileError(f"cannot be read ({error})") from None
