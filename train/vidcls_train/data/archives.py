"""Archives of clips -> a folder, never writing outside it."""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

ARCHIVE_ENDINGS = (".tar.gz", ".tgz", ".tar", ".zip")

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 20
_LEFT_FREE_BYTES = 1 << 30

# What a Mac adds to its zips: a shadow file with the Finder's data for every real one.
_MAC_SHADOWS = "__MACOSX"

# What the standard library raises on bytes that are not those that were written.
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, UnicodeError)


class _RefusedEntryError(Exception):
    """The archive is whole, but an entry of it is not taken."""


class _TooLargeError(Exception):
    """Its files would fill the disk."""


def is_archive(path: Path) -> bool:
    """Whether the file's name says it is an archive that `unpack` reads.

    Example:
        >>> is_archive(Path("UCF101_subset.TAR.GZ")), is_archive(Path("clip.mp4"))
        (True, False)
    """
    return path.name.lower().endswith(ARCHIVE_ENDINGS)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the plain files of a tar or zip archive into `folder`, which is made if missing.

    Raises:
        ValueError: damaged, encrypted, too large for the disk once unpacked, or it holds an entry that would land
            outside the folder, or a link.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     archive = Path(folder) / "data.zip"
        ...     with zipfile.ZipFile(archive, "w") as packed:
        ...         packed.writestr("train/jump/1.mp4", b"video")
        ...     unpack(archive, Path(folder) / "data")
        ...     (Path(folder) / "data" / "train" / "jump" / "1.mp4").read_bytes()
        b'video'
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if archive.name.lower().endswith(".zip"):
            _unpack_zip(archive, folder)
        else:
            _unpack_tar(archive, folder)
    except _TooLargeError as error:
        raise ValueError(f"{archive}: {error}; make room, or unpack it elsewhere and name its folder") from error
    except (_RefusedEntryError, tarfile.FilterError) as error:
        problem, remedy = error, "pack the clips as plain files below one folder"
        raise ValueError(f"{archive}: cannot be unpacked ({problem}); {remedy}") from error
    except _DAMAGE as error:
        raise ValueError(f"{archive}: cannot be unpacked ({error}); check that the archive is complete") from error
    except RuntimeError as error:  # encrypted, or (NotImplementedError) an unknown compression
        raise ValueError(f"{archive}: cannot be unpacked ({error}); unpack it and name its folder instead") from error
    except OSError as error:
        raise ValueError(
            f"{archive}: cannot be unpacked ({error}); check the space and the rights in {folder}"
        ) from error


def _unpack_tar(archive: Path, folder: Path) -> None:
    with _tar_stream(archive, room=_room(folder)) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        tar.extractall(folder, filter=_plain_files)  # noqa: S202 - the filter keeps it inside
        # tarfile takes a damaged header for the end; the real end is a block of zeros.
        stream.seek(tar.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it ends early")


@contextmanager
def _tar_stream(archive: Path, *, room: int) -> Iterator[IO[bytes]]:
    """The bytes of the tar, out of its gzip if it is in one; at most `room` of them."""
    with archive.open("rb") as file:
        zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        file.seek(0)
        if not zipped:
            _check_room(archive.stat().st_size, room)
            yield file
            return
        with gzip.open(file) as stream:
            # The checksum comes last, and tarfile never reads that far.
            while stream.read(_CHUNK_BYTES):
                _check_room(stream.tell(), room)
            stream.seek(0)
            yield stream  # type: ignore[misc]


def _room(folder: Path) -> int:
    """Bytes that may be unpacked: a full disk would end more than this program."""
    return max(0, shutil.disk_usage(folder).free - _LEFT_FREE_BYTES)


def _check_room(size: int, room: int) -> None:
    if size > room:
        raise _TooLargeError(f"unpacks to {size / 1e9:.1f} GB or more, where the disk has room for {room / 1e9:.1f} GB")


def _plain_files(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    if not (member.isfile() or member.isdir()):
        raise tarfile.FilterError(f"'{member.name}' is a link or a device, only plain files are taken")
    return tarfile.data_filter(member, folder)


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        members = [_inside(member) for member in opened.infolist()]
        # A member is never unpacked beyond the size that it states.
        _check_room(sum(member.file_size for member in members), _room(folder))
        for member in members:
            if PurePosixPath(member.filename).parts[:1] != (_MAC_SHADOWS,):
                opened.extract(member, folder)


def _inside(member: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The entry with / between its folders, whatever the packer wrote."""
    member.filename = member.filename.replace("\\", "/")
    name = PurePosixPath(member.filename)
    if name.is_absolute() or ".." in name.parts or re.match("[A-Za-z]:", member.filename):
        raise _RefusedEntryError(f"'{member.filename}' would land outside the folder")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _RefusedEntryError(f"'{member.filename}' is a link, only plain files are taken")
    return member
