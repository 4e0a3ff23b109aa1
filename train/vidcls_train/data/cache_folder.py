"""A folder of bounded size that runs share: what was not used for longest makes room, but for what this run uses.

Files are written under another name and renamed when complete, so a killed run leaves nothing broken.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

# What a killed run has left half-written is removed after so many seconds.
_ABANDONED_SECONDS = 3600.0

_UNFINISHED = ".part"

# What a folder gives that belongs to somebody else or lies on what cannot be written to, as a container's home may.
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)

# What filesystems say that know no locks, as Lustre and NFS may be mounted.
_NOT_LOCKED = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL)

_logger = logging.getLogger("vidcls.train")

_Usage: TypeAlias = tuple[int, list[tuple[float, int, str]]]


class CacheFolder:
    """Files by name. Their time of change says when they were last used.

    limit_bytes: what it may hold.
    is_full: whether the disk turned out to have no room, or nothing to be writable there.
    """

    def __init__(self, path: Path, *, suffixes: tuple[str, ...], limit_bytes: int) -> None:
        """Open the folder.

        Args:
            path: where it lies; made if missing.
            suffixes: of the files that may be removed to make room.
            limit_bytes: what it may hold.
        """
        self.path = path
        self._suffixes = suffixes
        self.limit_bytes = limit_bytes
        self._used_here: set[str] = set()
        self.is_full = False
        self._has_damage = False
        self._has_removed = False
        self._lock = threading.Lock()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._go_without(error)

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def use(self, name: str) -> Path:
        """The path of a file that this run uses: it makes room for no other, until it is released."""
        self._used_here.add(name)
        return self.path / name

    def use_only(self, names: Iterable[str]) -> None:
        """Of the files that this run uses, let the others make room for those named."""
        self._used_here &= set(names)

    def mark_full(self) -> bool:
        """Note that the disk has no room, whatever the folder may hold; whether that is new."""
        with self._lock:
            is_new, self.is_full = not self.is_full, True
        return is_new

    def mark_damaged(self) -> bool:
        """Note that a file was not what had been written; whether it is the first in this process."""
        with self._lock:
            is_new, self._has_damage = not self._has_damage, True
        return is_new

    def mark_removed(self) -> bool:
        """Note that a file of this run was removed by another; whether it is the first in this process."""
        with self._lock:
            is_new, self._has_removed = not self._has_removed, True
        return is_new

    def has_room(self, size: int) -> bool:
        """Whether `size` bytes would fit, were what can be removed not there."""
        return self._fits(size, self._usage())

    def reserve(self, size: int) -> Path | None:
        """A new file of `size` bytes, which counts as used from now on, for other runs too; None without room.

        It is to be renamed when it is complete. What was not used for longest is removed until it fits.
        """
        return self._reserve(size, self._make_room)

    def reserve_free(self, size: int) -> Path | None:
        """As `reserve`, without removing anything."""
        return self._reserve(size, lambda size: self._usage()[0] + size <= self.limit_bytes)

    def _reserve(self, size: int, has_room: Callable[[int], bool]) -> Path | None:
        with self._lock:
            if self.is_full:
                return None
            try:
                with _locked(self.path.with_suffix(".lock")):
                    return self._new_file(size) if has_room(size) else None
            except OSError as error:
                self._go_without(error)
                return None

    def _go_without(self, error: OSError) -> None:
        """Store nothing from now on, where nothing can be written; whatever else went wrong is raised."""
        if error.errno not in _NOT_WRITABLE:
            raise error
        self.is_full = True
        _logger.warning(
            "%s: cannot be written to (%s), so that clips are decoded anew in every epoch; set XDG_CACHE_HOME to a "
            "folder that can",
            self.path,
            error.strerror,
        )

    def _new_file(self, size: int) -> Path:
        handle, name = tempfile.mkstemp(dir=self.path, suffix=_UNFINISHED)
        try:
            os.truncate(handle, size)
        except OSError:
            Path(name).unlink()
            raise
        finally:
            os.close(handle)
        return Path(name)

    def _make_room(self, size: int) -> bool:
        usage = self._usage()
        if not self._fits(size, usage):
            return False  # and nothing is removed in vain
        used, removable = usage
        for _, freed, path in removable:
            if used + size <= self.limit_bytes:
                break
            Path(path).unlink(missing_ok=True)
            used -= freed
        return True

    def _fits(self, size: int, usage: _Usage) -> bool:
        used, removable = usage
        return used - sum(freed for _, freed, _ in removable) + size <= self.limit_bytes

    def _usage(self) -> _Usage:
        """Bytes in use, and (time of last use, bytes, path) of what can be removed, the oldest first."""
        used, removable = 0, []
        for entry in os.scandir(self.path):
            with suppress(FileNotFoundError):
                status = entry.stat()
                if entry.name.endswith(_UNFINISHED) and time.time() - status.st_mtime > _ABANDONED_SECONDS:
                    Path(entry).unlink()
                    continue
                used += status.st_size
                if entry.name.endswith(self._suffixes) and entry.name not in self._used_here:
                    removable.append((status.st_mtime, status.st_size, entry.path))
        return used, sorted(removable)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One process at a time, of all that share the folder; without locks several, which may keep more than it may."""
    with file.open("w") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NOT_LOCKED:
                raise
        yield
