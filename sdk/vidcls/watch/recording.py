"""Clips of events beside the loop: pictures on their way to the recorder, and events whose clips are to be written."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import numpy.typing as npt

from vidcls.watch.clip_names import clip_name
from vidcls.watch.clips import PICTURES_PER_SECOND, ClipRecorder
from vidcls.watch.event import CameraEvent

# Clips that wait to be written; more events at a time have none.
MAX_WAITING = 100
# What the last clips have.
LAST_SECONDS = 3.0
PRUNE_SECONDS = 3600.0
_POLL_SECONDS = 0.1

_logger = logging.getLogger("vidcls")


class Recording:
    """Two threads: one hands every camera's newest picture to the recorder, one writes clips.

    Args:
        recorder: keeps pictures and writes clips.
        cameras: by name.
        picture: a camera's newest frame, uint8 RGB [H, W, 3]; None before the first.
    """

    def __init__(
        self,
        recorder: ClipRecorder,
        *,
        cameras: Sequence[str],
        picture: Callable[[str], npt.NDArray[np.uint8] | None],
    ) -> None:
        self._recorder, self._cameras, self._picture = recorder, tuple(cameras), picture
        self._finished: queue.Queue[CameraEvent] = queue.Queue(MAX_WAITING)
        self._end = float("inf")  # monotonic seconds; set by `end`
        # Daemons: a disk that hangs is not waited for.
        self._threads = [
            threading.Thread(target=work, daemon=True, name=f"vidcls-{name}")
            for name, work in (("pictures", self._add_pictures), ("clips", self._save_clips))
        ]
        for thread in self._threads:
            thread.start()

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
        """Wait for the end, also where `end` has not set it."""
        if self._end == float("inf"):
            self.end()
        for thread in self._threads:
            thread.join(max(0.0, self._end - time.monotonic()))

    def _add_pictures(self) -> None:
        shown: dict[str, npt.NDArray[np.uint8] | None] = {}
        while self._end == float("inf"):
            for camera in self._cameras:
                picture = self._picture(camera)
                if picture is not None and picture is not shown.get(camera):
                    shown[camera] = picture
                    self._recorder.add(camera, datetime.now(timezone.utc), picture)
            time.sleep(0.5 / PICTURES_PER_SECOND)

    def _save_clips(self) -> None:
        pruned = time.monotonic()
        while time.monotonic() < self._end:
            try:
                self._recorder.save(self._finished.get(timeout=_POLL_SECONDS))
            except queue.Empty:
                if self._end < float("inf"):
                    return
                if time.monotonic() - pruned > PRUNE_SECONDS:  # clips grow old also where no new one comes
                    self._recorder.prune()
                    pruned = time.monotonic()
