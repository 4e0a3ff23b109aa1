"""Finished events on disk, before anyone is told: a file of JSON lines, and for each receiver how far it has got.

A line is in the file whole and on the disk (fsync), or not at all. Of each receiver there is a small file with the id
of the last event that it took, which takes the place of the one before in one step. So after a crash, also of the
machine, what comes after that id is sent again, in order.
"""

from __future__ import annotations

import errno
import json
import logging
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcls.errors import ArgumentError
from vidcls.files.atomic import make_folder, sync_file, sync_folder, write_whole
from vidcls.files.kinds import why_no_file
from vidcls.watch.event import CameraEvent, read_event

# Events that wait for one receiver; of more, the oldest are given up.
MAX_WAITING = 10_000
# Events that wait for the disk, where it is full.
MAX_UNWRITTEN = 1000
# A journal of our own, which nobody else reads, is cut back to what may wait once it is longer than this.
MAX_BYTES = 16 << 20
# Longer than any line of ours: texts in it have at most 256 characters.
_MAX_LINE_BYTES = 8 << 10
_USUAL_LINE_BYTES = 512

_logger = logging.getLogger("vidcls")


@dataclass(frozen=True)
class Entry:
    """A finished event: its id, and the line that says it, as JSON without its end."""

    id: str
    body: bytes


class Journal:
    """The events' file, and the receivers' positions.

    Args:
        file: of JSON lines; made where it is not there.
        positions: a folder, which this process alone writes to.
        receivers: by name. A new one begins with the events to come.
        max_bytes: beyond which the file is cut back; None where it is somebody's own, who looks after it.

    Raises:
        ValueError: what is there is no file of events, or cannot be written to.
        OSError: the positions cannot be.
    """

    def __init__(self, file: Path, *, positions: Path, receivers: Iterable[str], max_bytes: int | None) -> None:
        self._file, self._positions, self._max_bytes = file, positions, max_bytes
        self._name = str(file.resolve())
        self._unwritten: deque[Entry] = deque()
        self._is_full = False  # the disk, as far as it was said
        make_folder(positions)
        try:
            make_folder(file.parent)
            mend(file)
            self._recent = read_last(file, count=MAX_WAITING + 1)
        except OSError as error:
            raise ArgumentError(f"{file}: events cannot be written there ({error.strerror}); name another") from None
        self._forget_all_but(set(receivers))

    def recent(self, count: int) -> list[CameraEvent]:
        """The newest events of before this start, oldest first."""
        return [read_event(json.loads(entry.body)) for entry in self._recent[-count:]]

    def has(self, event_id: str) -> bool:
        """Whether the file had this event at this start, among those that may wait."""
        return any(entry.id == event_id for entry in self._recent)

    @property
    def unwritten(self) -> int:
        """How many finished events the disk has not taken."""
        return len(self._unwritten)

    def waiting(self, receiver: str) -> list[Entry]:
        """The events of before this start that it has not taken, in order.

        Where the file does not have the last one it took, because it was begun anew meanwhile, that is all of it. One
        that took events of another file begins with what is to come, as a new one does. Where its position is damaged,
        nobody knows what it took: that is all of it too.
        """
        try:
            position = _read_position(self._position(receiver))
        except ValueError:
            _logger.warning("%s: is damaged; %s is sent all events anew", self._position(receiver), receiver)
            return self._recent[-MAX_WAITING:]
        if position is None or position.get("file", self._name) != self._name:
            self.note(receiver, self._recent[-1].id if self._recent else None)
            return []
        last = position["id"]
        ids = [entry.id for entry in self._recent]
        return self._recent[ids.index(last) + 1 :] if last in ids else self._recent[-MAX_WAITING:]

    def append(self, event: CameraEvent) -> list[Entry]:
        """Write a finished event down; what is on the disk now and was not before, in order.

        Where the disk takes nothing, that is nothing: the event waits, and `retry` writes it later.
        """
        body = json.dumps(event.to_dict(), allow_nan=False).encode()
        self._unwritten.append(Entry(event.id, body))
        if len(self._unwritten) > MAX_UNWRITTEN:
            lost = self._unwritten.popleft()
            _logger.error("%s: the event %s could not be written down and is given up", self._file, lost.id)
        return self.retry()

    def retry(self) -> list[Entry]:
        """Write what could not be written before; as `append`."""
        written: list[Entry] = []
        while self._unwritten:
            try:
                _append(self._file, self._unwritten[0].body + b"\n")
            except OSError as error:
                if not self._is_full:
                    _logger.error(
                        "%s: events cannot be written down and wait (%s)", self._file, error.strerror or error
                    )
                self._is_full = True
                return written
            written.append(self._unwritten.popleft())
        if self._is_full:
            _logger.warning("%s: events are written down again", self._file)
        self._is_full = False
        if written and self._max_bytes is not None:
            self._cut_back(self._max_bytes)
        return written

    def note(self, receiver: str, entry_id: str | None) -> None:
        """Write down that a receiver has taken this event, and all before.

        Raises:
            OSError: it cannot be written.
        """
        write_whole(self._position(receiver), json.dumps({"id": entry_id, "file": self._name}).encode())

    def _position(self, receiver: str) -> Path:
        return self._positions / f"{receiver}.json"

    def _forget_all_but(self, receivers: set[str]) -> None:
        """So that one that is taken up again later is not sent what happened meanwhile."""
        for path in self._positions.glob("*.json"):
            if path.stem not in receivers:
                path.unlink()

    def _cut_back(self, max_bytes: int) -> None:
        with suppress(OSError):  # a disk that has no room for the copy: the file is still whole
            if self._file.stat().st_size > max_bytes:
                kept = read_last(self._file, count=MAX_WAITING + 1)
                write_whole(self._file, b"".join(entry.body + b"\n" for entry in kept))


def mend(file: Path) -> None:
    """Take a last line away that a crash of the machine left half written; end one that lacks only its end.

    Raises:
        ValueError: it is not a file of events.
        OSError: it cannot be written to.
    """
    problem = why_no_file(file)
    if problem == "there is no such file":
        file.touch()
        sync_folder(file.parent)
        return
    if problem is not None:
        raise ArgumentError(f"{file}: {problem} of events")
    with file.open("r+b") as opened:
        first = opened.read(1)
        size = opened.seek(0, 2)
        opened.seek(max(0, size - _MAX_LINE_BYTES))
        before, newline, last = opened.read().rpartition(b"\n")
        is_ours = first in (b"", b"{") and (newline or size <= _MAX_LINE_BYTES)
        if not is_ours or (before and not any(map(_entry, before.split(b"\n")))):
            raise ArgumentError(f"{file}: is not a file of events, one JSON object a line; name another")
        if last and not _is_object(last):
            opened.truncate(size - len(last))
        elif last:
            opened.write(b"\n")
    sync_file(file)


def read_last(file: Path, *, count: int) -> list[Entry]:
    """The last events of a file, at most so many; lines that are none are passed over."""
    with file.open("rb") as opened:
        size, length = opened.seek(0, 2), count * _USUAL_LINE_BYTES
        while True:
            start = max(0, size - length)
            opened.seek(start)
            lines = opened.read(size - start).split(b"\n")
            if start == 0 or len(lines) > count + 1:
                break
            length *= 2
    whole = lines[:-1] if start == 0 else lines[1:-1]
    return [entry for entry in map(_entry, whole[-count:]) if entry is not None]


def _read_position(path: Path) -> dict[str, Any] | None:
    """Which event of which file a receiver took last; None where there is no such file.

    Raises:
        ValueError: it is damaged.
    """
    if not path.exists():
        return None
    position = json.loads(path.read_bytes())
    if not isinstance(position, dict) or "id" not in position:
        raise ValueError("expected an object with an id")
    return position


def _entry(line: bytes) -> Entry | None:
    """The finished event that a line says; None for a line that others wrote."""
    try:
        event = read_event(json.loads(line))
    except (ValueError, TypeError, KeyError):
        return None
    return Entry(event.id, line.rstrip(b"\r")) if event.state == "final" else None


def _is_object(line: bytes) -> bool:
    """Whether a line is whole JSON of an object, of ours or of others."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _append(file: Path, line: bytes) -> None:
    """Whole and on the disk, or not at all."""
    with file.open("ab", buffering=0) as opened:
        size = opened.seek(0, 2)
        try:
            if opened.write(line) != len(line):
                raise OSError(errno.ENOSPC, "only a part of a line could be written")
            sync_file(file)
        except OSError:
            opened.truncate(size)
            raise
    if size == 0:
        sync_folder(file.parent)
