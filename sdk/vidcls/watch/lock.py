"""What one process at a time may write to; the system lets go of it when that ends, by whatever way."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vidcls.errors import ArgumentError
from vidcls.files.atomic import make_folder


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Make the folder where it is not there, and keep it to this process for as long as the block lasts.

    Raises:
        ValueError: another process has it, or it cannot be made, or written to.
    """
    try:
        make_folder(folder)
        opened = (folder / "lock").open("ab")
    except OSError as error:
        raise ArgumentError(
            f"{folder}: the state cannot be kept there ({error.strerror}); name another folder with --state"
        ) from None
    with opened as file:
        try:
            _lock(file.fileno())
        except OSError:
            raise ArgumentError(
                f"{folder}: another vidcls watch keeps its state there; give each a folder of its own with --state"
            ) from None
        yield


@contextmanager
def only_writer(file: Path) -> Iterator[None]:
    """Keep a file of events to this process for as long as the block lasts, by a file beside it.

    Raises:
        ValueError: another process writes to it, or its folder cannot be written to.
    """
    try:
        make_folder(file.parent)
        opened = file.with_name(f".{file.name}.lock").open("ab")
    except OSError as error:
        raise ArgumentError(f"{file}: events cannot be written there ({error.strerror}); name another") from None
    with opened as lock:
        try:
            _lock(lock.fileno())
        except OSError:
            raise ArgumentError(
                f"{file}: another vidcls watch writes its events there; give each a file of its own with --events"
            ) from None
        yield


def _lock(handle: int) -> None:
    """Raises OSError where another process has locked it."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - which is there alone

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 - which is everywhere else

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
