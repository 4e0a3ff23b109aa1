"""What an archive says that it holds, before a byte of it is believed."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from vidcls.printable import printable

# Twice as many as the largest collections of clips; each costs memory and a file of the disk.
MAX_ENTRIES = 1_000_000
# What a file takes of a disk beside its content: the rest of its last block, and its own record.
_BLOCK_BYTES = 4096


class RefusedEntryError(Exception):
    """The archive is whole, but an entry of it is not taken."""


class TooLargeError(Exception):
    """Its files would fill the disk."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A plain file or a folder of an archive.

    name: below the folder that it is unpacked to. size: bytes that its content is said to have. open: its content,
        read once; None of a folder.
    """

    name: PurePosixPath
    size: int
    open: Callable[[], AbstractContextManager[IO[bytes]]] | None


class Claims:
    """How much of the disk the entries would take, by what they say of themselves."""

    def __init__(self, *, room_bytes: int) -> None:
        self._room_bytes = room_bytes
        self._bytes = self._entries = 0

    def add(self, size: int) -> None:
        """Count an entry of that many bytes.

        Raises:
            TooLargeError: all of them take more than there is room for.
            RefusedEntryError: nothing has so few.
        """
        if size < 0:
            raise RefusedEntryError(f"an entry claims to have {size} bytes")
        self._entries += 1
        self._bytes += (size + 2 * _BLOCK_BYTES - 1) // _BLOCK_BYTES * _BLOCK_BYTES
        self.check(self._bytes)
        if self._entries > MAX_ENTRIES:
            raise TooLargeError(f"holds more than {MAX_ENTRIES} files")

    def check(self, size: int) -> None:
        """Raise TooLargeError if that many bytes have no room."""
        if size > self._room_bytes:
            raise TooLargeError(
                f"unpacks to {size / 1e9:.1f} GB or more, where the disk has room for {self._room_bytes / 1e9:.1f} GB"
            )


def inner_name(name: str) -> PurePosixPath:
    """The name of an entry, if it lies below the folder that is unpacked to.

    Raises:
        RefusedEntryError: it begins at a root or a drive, leads up, or holds a NUL.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name) or "\0" in name:
        raise RefusedEntryError(f"'{printable(name)}' would land outside the folder")
    return path


def not_plain(name: str) -> RefusedEntryError:
    """The refusal of what is neither a file nor a folder."""
    return RefusedEntryError(f"'{printable(name)}' is a link or a device, only plain files are taken")
