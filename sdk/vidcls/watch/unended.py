"""Events whose ends are not in the journal yet, on disk: the next start writes them, for whoever waits for an end.

One that goes on is kept as it would have ended at the last moment that is known of it; one that has ended, as it did.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from vidcls.errors import VidclsError
from vidcls.files.atomic import write_whole
from vidcls.temporal.record import Record
from vidcls.watch.event import CameraEvent, read_event
from vidcls.watch.journal import MAX_UNWRITTEN

_logger = logging.getLogger("vidcls")


class Unended:
    """Args:
    file: which this process alone writes to; made with the first event.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._final = {event.id: event for event in _read(file)}  # in the order in which they are to be written
        self._going: dict[str, CameraEvent] = {}
        self._is_written = True

    def left(self) -> list[CameraEvent]:
        """Final ones that an earlier start did not write: those that it did not end are cut short.

        They stay until `written` is called with them.
        """
        return list(self._final.values())

    @property
    def is_written(self) -> bool:
        """Whether the file holds them all, so that the next start knows them."""
        return self._is_written

    def begin(self, event: CameraEvent, *, last: Record | None) -> None:
        """Keep an event before anyone is told that it goes on. last: the camera's newest answer."""
        self._going[event.id] = _ended(event, last)
        self._write()

    def go_on(self, records: Iterable[tuple[str, Record | None]]) -> None:
        """Move the ends to the cameras' newest answers; of (camera, that answer)."""
        newest = dict(records)
        moved = {event_id: _ended(event, newest.get(event.camera)) for event_id, event in self._going.items()}
        if moved != self._going:
            self._going = moved
            self._write()

    def finish(self, event: CameraEvent) -> None:
        """Keep an event as it has ended, before the journal is given it; of too many, the first as the journal does."""
        self._going.pop(event.id, None)
        self._final[event.id] = event
        while len(self._final) > MAX_UNWRITTEN:
            del self._final[next(iter(self._final))]
        self._write()

    def written(self, ids: Iterable[str]) -> None:
        """Forget events that are in the journal."""
        known = set(ids) & self._final.keys()
        for event_id in known:
            del self._final[event_id]
        if known:
            self._write()

    def _write(self) -> None:
        events = [*self._final.values(), *self._going.values()]
        content = json.dumps([event.to_dict() for event in events], allow_nan=False)
        try:
            write_whole(self._file, content.encode())
        except OSError as error:
            if self._is_written:
                _logger.error(
                    "%s: events whose ends are not written yet cannot be kept (%s); a kill now would lose the ends",
                    self._file,
                    error.strerror or error,
                )
            self._is_written = False
        else:
            self._is_written = True


def _ended(event: CameraEvent, last: Record | None) -> CameraEvent:
    """The event, cut short at the end of the last answer's window; where there is none, at what is known of it.

    As in `vidcls.Event` the clock's time follows from media time.
    """
    seconds = max(event.end_seconds or event.start_seconds, event.start_seconds if last is None else last.window[1])
    end = event.start + timedelta(seconds=seconds - event.start_seconds)
    return replace(event, state="final", end=end, end_seconds=seconds, cut_short=True)


def _read(file: Path) -> Iterator[CameraEvent]:
    try:
        said = json.loads(file.read_bytes())
        yield from [read_event(fields) for fields in said]
    except FileNotFoundError:
        return
    except (OSError, ValueError, TypeError, KeyError, VidclsError) as error:
        _logger.warning("%s: is not as it was written (%s); events that it held are not ended", file, error)
