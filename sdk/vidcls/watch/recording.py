"""Clips of events beside the loop: events whose clips are to be written."""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import replace

from vidcls.concurrency.cancellation import CancelledError, cancellable
from vidcls.watch.clip_names import clip_name
from vidcls.watch.clips import ClipRecorder
from vidcls.watch.event import CameraEvent

# Clips that wait to be written; more events at a time have none.
MAX_WAITING = 100
# What the last clips have, and how long the one that is not whole by then may take until that is noticed.
LAST_SECONDS, LAST_PICTURE_SECONDS = 3.0, 1.0
PRUNE_SECONDS = 3600.0
_POLL_SECONDS = 0.1

_logger = logging.getLogger("vidcls")


class Recording:
    """A thread that has the recorder, which is given pictures by others, write clips."""

    def __init__(self, recorder: ClipRecorder) -> None:
        self._recorder = recorder
        self._finished: queue.Queue[CameraEvent] = queue.Queue(MAX_WAITING)
        self._writing: CameraEvent | None = None
        self._said = ""  # the fault that was logged last
        self._end = float("inf")  # monotonic seconds; set by `end`
        # A daemon: a disk that hangs is not waited for.
        self._thread = threading.Thread(target=self._save_clips, daemon=True, name="vidcls-clips")
        self._thread.start()

    def begin(self, event: CameraEvent) -> None:
        """Keep the pictures of an event that goes on."""
        self._recorder.begin(event)

    def save(self, event: CameraEvent) -> CameraEvent:
        """Have the clip of a finished event written, and say under which name it will be."""
        try:
            self._finished.put_nowait(event)
        except queue.Full:
            self._recorder.let_go(event)
            _logger.warning("%s: too many clips wait to be written; the event %s has none", event.camera, event.id)
            return event
        return replace(event, clip=clip_name(event))

    def end(self) -> None:
        """Give the clips that wait LAST_SECONDS, and take no more pictures; returns at once."""
        self._end = time.monotonic() + LAST_SECONDS
        self._recorder.close()

    def close(self) -> None:
        """Wait for the end, also where `end` has not set it, and say which events have no clip for it."""
        if self._end == float("inf"):
            self.end()
        self._thread.join(max(0.0, self._end - time.monotonic()) + LAST_PICTURE_SECONDS)
        for event in self._left():
            _logger.warning("%s: the program ends, so the event %s has no clip", event.camera, event.id)

    def _left(self) -> list[CameraEvent]:
        """The events whose clips were to be written, and are not."""
        with self._finished.mutex:
            waiting = list(self._finished.queue)
        return waiting if self._writing is None else [self._writing, *waiting]

    def _save_clips(self) -> None:
        pruned = time.monotonic()
        while not self._is_over():
            try:
                self._writing = self._finished.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self._end < float("inf"):
                    return
                if time.monotonic() - pruned > PRUNE_SECONDS:  # clips grow old also where no new one comes
                    self._recorder.prune()
                    pruned = time.monotonic()
                continue
            try:
                self._save(self._writing)
            except CancelledError:
                return  # `close` says of which event
            self._writing = None

    def _save(self, event: CameraEvent) -> None:
        """Write a clip; a fault in that, which nobody foresaw, is logged once and costs no other event its clip."""
        try:
            with cancellable(self._is_over):
                self._recorder.save(event)
        except Exception as error:
            if self._said != repr(error):
                _logger.exception("%s: a fault left the event %s without a clip", event.camera, event.id)
            self._said = repr(error)

    def _is_over(self) -> bool:
        return time.monotonic() >= self._end
