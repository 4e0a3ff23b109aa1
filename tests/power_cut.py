"""What would be left after a power cut: which content and which names had reached the disk, and when.

A disk may keep of a file what was forced onto it (fsync) and no more, and may forget a rename until its folder was
forced as well. So a file survives at each moment, old or new, if it is renamed into its place after its content was
forced, and nothing is written to it any more.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Inode = tuple[int, int]


class Recording:
    """What a process forces onto the disk, and which names it gives.

    problems: what a power cut could have destroyed. renamed: {path: when it got its content}, of names given.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.renamed: dict[Path, int] = {}
        self._synced: dict[Inode, tuple[int, str]] = {}
        self._waiting: dict[Inode, list[Path]] = {}
        self._clock = 0

    def sync(self, handle: int) -> None:
        self._clock += 1
        status = os.fstat(handle)
        inode = (status.st_dev, status.st_ino)
        place = Path(f"/proc/self/fd/{handle}").readlink()
        self._synced[inode] = (self._clock, "" if place.is_dir() else _digest(place))
        self._waiting.pop(inode, None)

    def rename(self, part: Path, target: Path) -> None:
        self._clock += 1
        if part.is_file() and self._synced.get(_inode(part), (0, ""))[1] != _digest(part):
            self.problems.append(f"{target} gets its name before its content is on the disk")
        self.renamed[target] = self._clock
        self._waiting.setdefault(_inode(target.parent), []).append(target)

    def synced(self, file: Path) -> int:
        """When the content that a file has now was forced onto the disk; 0: never."""
        when, digest = self._synced.get(_inode(file), (0, ""))
        return when if digest == _digest(file) else 0

    def end(self) -> None:
        self.problems += [f"the name of {path} may be lost" for paths in self._waiting.values() for path in paths]


def _inode(path: Path) -> Inode:
    status = path.stat()
    return status.st_dev, status.st_ino


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def recorded() -> Iterator[Recording]:
    """Record what happens in this process."""
    recording = Recording()
    fsync, replace = os.fsync, os.replace

    def sync(handle: Any) -> None:
        recording.sync(handle if isinstance(handle, int) else handle.fileno())
        fsync(handle)

    def rename(part: Any, target: Any, **options: Any) -> None:
        recording.rename(Path(part), Path(target))
        replace(part, target, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", sync)
        patch.setattr(os, "replace", rename)
        yield recording
    recording.end()
