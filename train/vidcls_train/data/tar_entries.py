"""A tar, in gzip or not -> its entries, its structure checked to the end."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from vidcls.printable import printable
from vidcls_train.data.archive_entries import Claims, Entry, RefusedEntryError, inner_name, not_plain

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 20
# tarfile holds a header's long name or attributes in memory, several at once; names of files are far shorter.
_MAX_HEADER_BYTES = 1 << 18


@contextmanager
def open_tar(archive: Path) -> Iterator[IO[bytes]]:
    """The bytes of the tar, out of its gzip if it is in one."""
    with archive.open("rb") as file:
        zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        file.seek(0)
        if not zipped:
            yield file
            return
        with gzip.open(file) as stream:
            yield cast(IO[bytes], stream)


def tar_entries(stream: IO[bytes], claims: Claims) -> Iterator[Entry]:
    """The plain files and folders, in order, each to be read before the next one is asked for.

    Raises:
        RefusedEntryError: an entry is no plain file, or would land outside the folder, or its header is no honest one.
        TooLargeError: they would take more than there is room for.
        tarfile.TarError: it is damaged; what else tarfile and gzip raise then, too.
    """
    stream.seek(0)
    headers = _Headers(stream)
    with tarfile.open(fileobj=cast(IO[bytes], headers), mode="r:") as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # else it keeps all of them
            entry = _entry(member, stream)
            claims.add(member.size)
            yield entry
        # tarfile takes a damaged header for the end; the real end is a block of zeros.
        stream.seek(tar.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it ends early")
    # gzip's checksum comes last, and tarfile never reads that far.
    while stream.read(_CHUNK_BYTES):
        claims.check(stream.tell())


def _entry(member: tarfile.TarInfo, stream: IO[bytes]) -> Entry:
    name = inner_name(member.name)
    if member.isdir():
        return Entry(name=name, size=0, open=None)
    if member.issparse():
        raise RefusedEntryError(f"'{printable(member.name)}' has holes that are not stored; pack it without --sparse")
    if not member.isfile():
        raise not_plain(member.name)
    return Entry(name=name, size=member.size, open=lambda: _content(member, stream))


@contextmanager
def _content(member: tarfile.TarInfo, stream: IO[bytes]) -> Iterator[IO[bytes]]:
    stream.seek(member.offset_data)
    yield cast(IO[bytes], _Part(stream, member.size))


class _Part(io.RawIOBase):
    """The next `size` bytes of a stream."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream, self._left = stream, size

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as there is something."""
        content = self._stream.read(min(len(buffer), self._left))
        buffer[: len(content)] = content
        self._left -= len(content)
        return len(content)


class _Headers:
    """The stream as tarfile reads headers from it: a little at a time, and never back to where it has been.

    A header may claim a name of gigabytes, or a size below zero, which leads tarfile round in circles.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """As of a file."""
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise RefusedEntryError(f"a header claims to have {size} bytes, expected at most {_MAX_HEADER_BYTES}")
        return self._stream.read(size)

    def seek(self, offset: int) -> int:
        """As of a file; one byte back is how tarfile sees whether an entry is whole."""
        if offset < self._stream.tell() - 1:
            raise RefusedEntryError("an entry claims to end before it begins")
        return self._stream.seek(offset)

    def tell(self) -> int:
        """As of a file."""
        return self._stream.tell()
