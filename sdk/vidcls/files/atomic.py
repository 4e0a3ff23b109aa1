"""Files that are there whole or not at all: for readers meanwhile, after a kill, and after a power cut.

Content is written under another name, reaches the disk (fsync), and only then takes its name (rename); the folder,
which holds the name, reaches the disk after it. What a killed writer leaves lies under names that `is_unfinished`
knows, which begin with a dot: those who read folders of results pass over them.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# A file that nobody has written to for so long has no writer any more; other machines' clocks may differ.
ABANDONED_SECONDS = 24 * 3600.0

_UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.part")

# What filesystems say that cannot be asked to write out a file or a folder (some network and user-space ones).
_NOT_SYNCED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM}


def write_whole(target: Path, content: bytes) -> None:
    """Write `content` to `target`, in place of what is there.

    Raises:
        OSError: it cannot be written; what was there is still there.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_whole(Path(folder) / "answers.json", b"{}")
        ...     [path.name for path in Path(folder).iterdir()]
        ['answers.json']
    """
    with whole_file(target) as part:
        part.write_bytes(content)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """The name of a file to write, beside `target`, whose place it takes at the end of the context.

    If the context raises, the file is removed and `target` stays as it is.
    """
    part = _unfinished_name(target.parent)
    try:
        yield part
        publish(part, target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_files(folder: Path) -> Iterator[Path]:
    """A folder for writers that choose their files' names; at the end each of them takes its place in `folder`.

    An OSError about one of these files names the place that it was to take.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scratch = _unfinished_name(folder)
    scratch.mkdir()
    try:
        yield scratch
        for file in sorted(scratch.iterdir()):
            publish(file, folder / file.name)
    except OSError as error:
        if isinstance(error.filename, str) and Path(error.filename).parent == scratch:
            raise OSError(error.errno, error.strerror, str(folder / Path(error.filename).name)) from error
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """The name of a folder to fill, beside `target`, whose place it takes at the end of the context.

    `target` is not there, or empty, or a link to such a folder, and nothing is mounted at it. If the context raises,
    the folder is removed and `target` stays as it is.
    """
    target = target.resolve()
    make_folder(target.parent)
    scratch = _unfinished_name(target.parent)
    scratch.mkdir()
    try:
        yield scratch
        for path in sorted(scratch.rglob("*"), reverse=True):  # a folder after what is in it
            sync_folder(path) if path.is_dir() else sync_file(path)
        sync_folder(scratch)
        if target.is_dir():  # an empty one, which Windows would not replace
            target.rmdir()
        os.replace(scratch, target)  # noqa: PTH105 - what tests watch
        sync_folder(target.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def publish(part: Path, target: Path) -> None:
    """Give the closed file `part`, on the same disk, its name `target`, once its content is on the disk."""
    sync_file(part)
    os.replace(part, target)  # noqa: PTH105 - what tests watch
    sync_folder(target.parent)


def sync_file(file: Path) -> None:
    """Wait until the content of a file is on the disk."""
    with file.open("r+b") as opened:
        _sync(opened.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if os.name == "nt":  # which writes names with the files
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # files may be put into it, but not listed
        return
    try:
        _sync(handle)
    finally:
        os.close(handle)


def remove_whole(folder: Path) -> None:
    """Remove a folder, which is gone for everybody at once; what a kill leaves of it is `is_unfinished`.

    Where it is in use, as Windows has it, it stays.
    """
    gone = _unfinished_name(folder.parent)
    with suppress(OSError):
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def make_folder(folder: Path) -> None:
    """Make a folder, and what is missing above it, so that their names are on the disk too."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in reversed(missing):
        sync_folder(path.parent)


def is_unfinished(name: str) -> bool:
    """Whether a file of this name is one that is being written, or whose writer was killed."""
    return _UNFINISHED.fullmatch(name) is not None


def remove_abandoned(folder: Path) -> None:
    """Remove what killed writers have left in a folder, once it is so old that nobody can still be writing it."""
    for path in folder.iterdir():
        with suppress(OSError):  # another process removes it too, or it is another user's
            if is_unfinished(path.name) and time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _unfinished_name(folder: Path) -> Path:
    return folder / f".{uuid.uuid4().hex}.part"


def _sync(handle: int) -> None:
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NOT_SYNCED:
            raise
