"""Shared libraries: which ones a file needs, and where the loader finds them. Linux's ELF files only."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

# Numbers of the ELF format, from the System V ABI.
_SEGMENT_LOAD, _SEGMENT_DYNAMIC = 1, 2
_NEEDED, _STRING_TABLE = 1, 5


def needed_libraries(path: Path) -> list[str]:
    """Names of the libraries that the loader must find before it can load a 64-bit ELF file.

    Raises:
        ValueError: not a 64-bit little-endian ELF file.
    """
    with path.open("rb") as file:
        header = file.read(64)
        if len(header) < 64 or header[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path}: not a 64-bit ELF library")
        (start,) = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        segments = []
        for number in range(count):
            file.seek(start + number * size)
            kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", file.read(40))
            segments.append((kind, offset, address, length))
        entries = [
            struct.unpack("<QQ", _read(file, offset + position, 16))
            for kind, offset, _, length in segments
            if kind == _SEGMENT_DYNAMIC
            for position in range(0, length, 16)
        ]
        table = next((value for tag, value in entries if tag == _STRING_TABLE), 0)
        shift = next(
            (offset - address for kind, offset, address, length in segments
             if kind == _SEGMENT_LOAD and address <= table < address + length),
            0,
        )  # fmt: skip
        return [_text(file, table + shift + value) for tag, value in entries if tag == _NEEDED]


def load(names: Sequence[str], *, folders: Sequence[Path]) -> dict[str, Path | OSError | None]:
    """Load libraries for good, so that whatever needs them later finds them without a search path.

    Args:
        names: such as "libcudart.so.13".
        folders: looked through first; the loader's own places come after them.

    Returns:
        For each name the file in `folders` that was loaded, None if the loader had a place of its
        own, or why it cannot be loaded.
    """
    found: dict[str, Path | OSError | None] = {}
    for _ in range(2):  # twice: a library may need one that stands after it
        for name in names:
            if name not in found or isinstance(found[name], OSError):
                found[name] = _load(name, folders)
    return found


def _load(name: str, folders: Sequence[Path]) -> Path | OSError | None:
    files: list[Path | None] = [folder / name for folder in folders if (folder / name).is_file()]
    problem = OSError(f"{name} is nowhere")
    for file in (*files, None):
        try:
            ctypes.CDLL(name if file is None else str(file))
        except OSError as error:
            problem = error if not files or file is not None else problem
        else:
            return file
    return problem


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _text(file: BinaryIO, offset: int) -> str:
    return _read(file, offset, 256).partition(b"\0")[0].decode("ascii", "replace")
