"""All cameras' records in one line, for a loop that has more to do than to wait for them."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vidcls.classifier import VideoClassifier
from vidcls.concurrency.lifetime import program_is_over
from vidcls.live.pictures import PictureState
from vidcls.live.several import OnFrame, SourceOptions, open_several
from vidcls.temporal.record import Record
from vidcls.watch.settings import CameraSettings

# Records that wait for the loop. They hold pictures; and the model may as well wait for who acts on its answers.
_MAX_WAITING = 4
_POLL_SECONDS = 0.1
# How long `close` waits for an answer that is being made.
_MODEL_SECONDS = 5.0

_logger = logging.getLogger("vidcls")


class Sources:
    """Every camera, opened again where it is lost; one thread runs the model, for all of them in turn."""

    def __init__(self, classifier: VideoClassifier, cameras: Sequence[CameraSettings]) -> None:
        self._streams = open_several(
            {camera.name: _options(camera) for camera in cameras}, classifier.contract, classifier.predict_clips
        )
        self._records: queue.Queue[tuple[str, Record]] = queue.Queue(_MAX_WAITING)
        self._has_ended, self._stopped = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        # A daemon, unlike other threads of ours: from a driver that hangs it never comes back to be told to end. Around
        # the model's run is `call_of_the_program`, which the end of the program gives some seconds more.
        self._thread = threading.Thread(target=self._run, name="vidcls-model", daemon=True)
        self._thread.start()

    def next(self, *, seconds: float) -> tuple[str, Record] | None:
        """The next (camera's name, record); None where none comes within so many seconds.

        Raises:
            ModelError: the model does not answer with finite numbers.
        """
        try:
            return self._records.get(timeout=seconds) if seconds > 0 else self._records.get_nowait()
        except queue.Empty:
            if self._error is not None:
                raise self._error from None
            return None

    @property
    def has_ended(self) -> bool:
        """Whether no record will come beside those that wait."""
        return self._has_ended.is_set()

    def connected(self, name: str) -> bool:
        """Whether pictures of this camera come in."""
        return self._streams.connected(name)

    def has_unanswered(self, name: str) -> bool:
        """Whether `next` will give a record of what this camera has shown so far, also where it is lost."""
        if self._streams.has_unanswered(name):  # asked first: a record is there until it waits here
            return True
        with self._records.mutex:
            return any(camera == name for camera, _ in self._records.queue)

    @property
    def is_due(self) -> bool:
        """Whether the model owes an answer, to what any camera has shown."""
        return self._streams.is_due

    def picture(self, name: str) -> npt.NDArray[np.uint8] | None:
        """The newest frame of this camera at full size, uint8 RGB [H, W, 3]; None before the first."""
        return self._streams.picture(name)

    def on_frame(self, call: OnFrame) -> None:
        """Have every frame that comes from now on given to that too; see `SeveralStreams.on_frame`."""
        self._streams.on_frame(call)

    def picture_state(self, name: str) -> PictureState:
        """Whether this camera's pictures are black or frozen."""
        return self._streams.picture_state(name)

    def stop(self) -> None:
        """Make all end, soon after this has returned; for any thread."""
        self._stopped.set()
        self._streams.stop()

    def close(self) -> None:
        """Stop, and wait until the cameras are free: at most 2 seconds, and one run of the model.

        A run of more than 5 seconds, as of a driver that hangs, is left behind; the cameras are then let go soon.
        """
        self.stop()
        self._thread.join(_MODEL_SECONDS)
        if self._thread.is_alive():
            _logger.warning("the model has not answered for %.0f s, and is left behind", _MODEL_SECONDS)

    def _run(self) -> None:
        try:
            with self._streams as streams:
                for found in streams:
                    self._put(found)
        except BaseException as error:  # noqa: BLE001 - not swallowed: raised where records are asked for
            self._error = error
        finally:
            self._has_ended.set()

    def _put(self, found: tuple[str, Record]) -> None:
        while not self._stopped.is_set() and not program_is_over():
            try:
                self._records.put(found, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return


def _options(camera: CameraSettings) -> SourceOptions:
    return SourceOptions(
        source=camera.source,
        step_seconds=camera.step_seconds,
        timeout_seconds=camera.timeout_seconds,
        crops=camera.crops,
        region=camera.region,
        motion=camera.motion,
        decoder=camera.decoder,
    )
