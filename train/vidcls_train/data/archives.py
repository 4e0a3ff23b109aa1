"""Archives of clips -> a folder, whole or not at all, never writing outside it."""

from __future__ import annotations

import gzip
import lzma
import shutil
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TypeAlias

from vidcls.printable import printable
from vidcls_train.data.archive_entries import Claims, Entry, RefusedEntryError, TooLargeError
from vidcls_train.data.tar_entries import open_tar, tar_entries
from vidcls_train.data.zip_entries import zip_entries

ARCHIVE_ENDINGS = (".tar.gz", ".tgz", ".tar", ".zip")

_CHUNK_BYTES = 1 << 20
_LEFT_FREE_BYTES = 1 << 30

# What the standard library raises on bytes that are not those that were written.
_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(EOFError, ValueError, OverflowError, struct.error),
)

# Reads all entries from the first one on, and counts what they claim.
_Entries: TypeAlias = Callable[[Claims], Iterator[Entry]]


def is_archive(path: Path) -> bool:
    """Whether the file's name says it is an archive that `unpack` reads.

    Example:
        >>> is_archive(Path("UCF101_subset.TAR.GZ")), is_archive(Path("clip.mp4"))
        (True, False)
    """
    return path.name.lower().endswith(ARCHIVE_ENDINGS)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the plain files of a tar or zip archive, which become `folder`, a new one, once all are there.

    Names, kinds and sizes of all entries are checked before the first one is written; rights, owners and times are not
    taken over, archives in the archive not unpacked.

    Raises:
        ValueError: damaged, encrypted, too large for the disk once unpacked, or it holds an entry that would land
            outside the folder, two of one name, a link, a device or a file with holes.

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
    partial = folder.with_name(f"{folder.name}.partial")
    with _named_problems(archive, folder):
        try:
            shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
            partial.mkdir(parents=True)
            with _opened(archive) as entries:
                for _ in entries(Claims(room_bytes=_room(partial))):
                    pass  # all of them are checked before one is written
                _write(entries(Claims(room_bytes=_room(partial))), partial)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def check_unpacked(archive: Path, folder: Path) -> None:
    """Compare the names and sizes of an archive's files with those of a folder that one was unpacked to; write nothing.

    Raises:
        ValueError: they differ; names the first that does. Or the archive is one that `unpack` refuses.
    """
    with _named_problems(archive, folder), _opened(archive) as entries:
        packed = {entry.name: entry.size for entry in entries(Claims(room_bytes=sys.maxsize)) if entry.open is not None}
    there = {
        PurePosixPath(path.relative_to(folder).as_posix()): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
    }
    for name in sorted(packed.keys() | there.keys()):
        if packed.get(name) != there.get(name):
            raise ValueError(
                f"{archive}: is not the archive that was unpacked to {folder}, where '{printable(str(name))}' "
                f"{_other_size(packed.get(name), there.get(name))}; name the archive that the run was begun with, or "
                f"remove {folder} to have the clips of this one compared with the run's"
            )


def _other_size(packed: int | None, there: int | None) -> str:
    if there is None:
        return "is missing"
    return "is one more" if packed is None else f"has {there} bytes, not {packed}"


@contextmanager
def _named_problems(archive: Path, folder: Path) -> Iterator[None]:
    """A ValueError that names the archive, whatever of it is wrong."""
    failed = f"{archive}: cannot be unpacked"
    try:
        yield
    except TooLargeError as error:
        raise ValueError(f"{archive}: {error}; make room, or unpack it elsewhere and name its folder") from error
    except RefusedEntryError as error:
        raise ValueError(f"{failed} ({error}); pack the clips as plain files below one folder") from error
    except RecursionError as error:  # tarfile reads what belongs to one file by calling itself
        raise ValueError(f"{failed} (headers upon headers); pack the clips anew") from error
    except _DAMAGE as error:
        problem = printable(str(error)) or type(error).__name__
        raise ValueError(f"{failed} ({problem}); check that the archive is complete") from error
    except RuntimeError as error:  # encrypted, or (NotImplementedError) an unknown compression
        raise ValueError(f"{failed} ({printable(str(error))}); unpack it and name its folder instead") from error
    except OSError as error:
        raise ValueError(f"{failed} ({error}); check the space and the rights in {folder}") from error


@contextmanager
def _opened(archive: Path) -> Iterator[_Entries]:
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as opened:
            yield lambda claims: zip_entries(opened, claims)
    else:
        with open_tar(archive) as stream:
            yield lambda claims: tar_entries(stream, claims)


def _room(folder: Path) -> int:
    """Bytes that may be unpacked: a full disk would end more than this program."""
    return max(0, shutil.disk_usage(folder).free - _LEFT_FREE_BYTES)


def _write(entries: Iterator[Entry], folder: Path) -> None:
    made = {PurePosixPath()}
    for entry in entries:
        try:
            if entry.open is None:
                _make_folders(entry.name, folder, made)
                continue
            _make_folders(entry.name.parent, folder, made)
            with entry.open() as content, (folder / entry.name).open("xb") as file:
                count = _copy(content, file)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            # The disk knows best which names it takes for the same: of other case, or otherwise composed.
            raise RefusedEntryError(
                f"'{printable(str(entry.name))}' is there twice, or under two names that are one on this disk"
            ) from error
        if count != entry.size:
            raise EOFError(f"'{printable(str(entry.name))}' has {count} bytes and claims {entry.size}")


def _make_folders(name: PurePosixPath, folder: Path, made: set[PurePosixPath]) -> None:
    for each in (*reversed(name.parents), name):
        if each not in made:
            (folder / each).mkdir()
            made.add(each)


def _copy(content: IO[bytes], file: IO[bytes]) -> int:
    """How many bytes were copied."""
    count = 0
    while block := content.read(_CHUNK_BYTES):
        file.write(block)
        count += len(block)
    return count
