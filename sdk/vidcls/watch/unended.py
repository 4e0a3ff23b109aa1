"""Events that go on, on disk: one whose end a kill took is ended at the next start, for whoever waits for its end.

Each is kept as it would have ended at the last moment that is known of it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from vidcls.errors import VidclsError
from vidcls.files.atomic import write_whole
from vidcls.temporal.record import Record
from vidcls.watch.event import CameraEvent, read_event

_logger = logging.getLogger("vidcls")


class Unended:
    """Args:
    file: which this process alone writes to; made with the first event.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._left = {event.id: event for event in _read(file)}
        self._events: dict[str, CameraEvent] = {}  # those that go on now
        self._is_written = True

    def left(self) -> list[CameraEvent]:
        """Those that an earlier start began and did not end: final, cut short, in the order in which they began.

        They stay until `end` is called with them.
        """
        return list(self._left.values())

    def begin(self, event: CameraEvent, *, last: Record | None) -> None:
        """Keep an event before anyone is told that it goes on. last: the camera's newest answer."""
        self._events[event.id] = _ended(event, last)
        self._write()

    def go_on(self, records: Iterable[tuple[str, Record | None]]) -> None:
        """Move the ends to the cameras' newest answers; of (camera, that answer)."""
        newest = dict(records)
        moved = {event_id: _ended(event, newest.get(event.camera)) for event_id, event in self._events.items()}
        if moved != self._events:
            self._events = moved
            self._write()

    def end(self, ids: Iterable[str]) -> None:
        """Forget events whose ends are in the journal."""
        known = set(ids) & (self._left.keys() | self._events.keys())
        for event_id in known:
            self._left.pop(event_id, None)
            self._events.pop(event_id, None)
        if known:
            self._write()

    def _write(self) -> None:
        events = [*self._left.values(), *self._events.values()]
        content = json.dumps([event.to_dict() for event in events], allow_nan=False)
        try:
            write_whole(self._file, content.encode())
        except OSError as error:
            if self._is_written:
                _logger.error(
                    "%s: events that go on cannot be written down (%s); a kill now would leave them without an end",
                    self._file,
                    error.strerror or error,
                )
            self._is_written = False
        else:
            self._is_written = True


def _ended(event: CameraEvent, last: Record | None) -> CameraEvent:
    """The event, cut short at the end of the last answer's window; where there is none, at what is known of it."""
    end = max(event.end or event.start, event.start if last is None else last.time)
    seconds = max(event.end_seconds or event.start_seconds, event.start_seconds if last is None else last.window[1])
    return replace(event, state="final", end=end, end_seconds=seconds, cut_short=True)


def _read(file: Path) -> Iterator[CameraEvent]:
    try:
        said = json.loads(file.read_bytes())
        yield from [replace(read_event(fields), state="final", cut_short=True) for fields in said]
    except FileNotFoundError:
        return
    except (OSError, ValueError, TypeError, KeyError, VidclsError) as error:
        _logger.warning("%s: is not as it was written (%s); events that it held are not ended", file, error)
