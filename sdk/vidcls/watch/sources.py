"""All cameras' records in one line, for a loop that has more to do than to wait for them."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vidcls.classifier import VideoClassifier
from vidcls.errors import VidclsError
from vidcls.live.stream import Stream
from vidcls.temporal.record import Record
from vidcls.watch.settings import CameraSettings

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 30.0
_POLL_SECONDS = 0.1

_logger = logging.getLogger("vidcls")


class Sources:
    """Opens every camera, and again where it is lost; a camera's trouble never stops the others."""

    def __init__(self, classifier: VideoClassifier, cameras: Sequence[CameraSettings]) -> None:
        self._classifier = classifier
        self._streams: dict[str, Stream] = {}
        self._records: queue.Queue[tuple[str, Record]] = queue.Queue(maxsize=2 * len(cameras))
        self._is_stopped = False
        self._threads = [
            threading.Thread(target=self._run, args=(camera,), name=f"vidcls-{camera.name}") for camera in cameras
        ]
        for thread in self._threads:
            thread.start()

    def next(self, *, seconds: float) -> tuple[str, Record] | None:
        """The next (camera's name, record); None where none comes within so many seconds."""
        try:
            return self._records.get(timeout=seconds)
        except queue.Empty:
            return None

    @property
    def has_ended(self) -> bool:
        """Whether no record will come any more."""
        return not any(thread.is_alive() for thread in self._threads) and self._records.empty()

    def connected(self, name: str) -> bool:
        """Whether pictures of this camera come in."""
        stream = self._streams.get(name)
        return stream is not None and stream.connected

    def picture(self, name: str) -> npt.NDArray[np.uint8] | None:
        """The newest frame of this camera at full size, uint8 RGB [H, W, 3]; None before the first."""
        stream = self._streams.get(name)
        return None if stream is None else stream.picture

    def stop(self) -> None:
        """Make all end, soon after this has returned; for any thread."""
        self._is_stopped = True
        for stream in list(self._streams.values()):
            stream.stop()

    def close(self) -> None:
        """Stop, and wait until the cameras are free: at most 2 seconds, and one run of the model."""
        self.stop()
        for thread in self._threads:
            thread.join()

    def _run(self, camera: CameraSettings) -> None:
        pause = FIRST_RETRY_SECONDS
        while not self._is_stopped:
            try:
                with self._classifier.stream(
                    camera.source, step_seconds=camera.step_seconds, timeout_seconds=camera.timeout_seconds
                ) as stream:
                    self._streams[camera.name] = stream
                    for record in stream:
                        self._put(camera.name, record)
                    return
            except VidclsError as error:
                _logger.warning("%s; trying again in %.1f s", error, pause)
            finally:
                self._streams.pop(camera.name, None)
            self._sleep(pause)
            pause = min(2 * pause, LAST_RETRY_SECONDS)

    def _put(self, name: str, record: Record) -> None:
        while not self._is_stopped:
            try:
                self._records.put((name, record), timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._is_stopped and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _POLL_SECONDS))
