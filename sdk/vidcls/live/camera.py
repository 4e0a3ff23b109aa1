"""A camera or a network stream that is opened and read by a process of its own.

A call of a camera's driver, or of a decoder that waits for a server, may never return, and nothing can break it off.
So it is made where it can be left: in a child process, which sends its frames through a pipe (3 ms of CPU for a frame
of 1080p, on both sides together). Here nothing is waited for without a limit.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from vidcls.concurrency.child_process import DependentProcess
from vidcls.errors import VideoError
from vidcls.live import camera_frames, messages
from vidcls.live.clock import Burst
from vidcls.live.messages import Header
from vidcls.live.replay import Replay
from vidcls.video.protocol import Frame
from vidcls.video.source import cannot_be_opened, openable, source_name

# How long the process may take to start, and to load OpenCV; from an SD card that takes seconds.
START_SECONDS = 60.0
# How long it may take to let go of its source and end, which it does itself after half a second.
END_SECONDS = 0.8

_logger = logging.getLogger("vidcls")


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrival:
    """A frame that came in.

    at: monotonic seconds. pts_seconds: by the source's own clock, wherever that counts from; NaN where it has none.
    picture: uint8 RGB [H, W, 3]. dropped: frames before it that could not be taken in time.
    """

    at: float
    pts_seconds: float
    picture: Frame
    dropped: int


class Camera:
    """A source that never ends: `open` it, read its `frames` until it is lost, `close` it, and open it again.

    timeout_seconds: how long opening it may take, and how long it may give no frame.
    """

    def __init__(self, source: int | str, *, timeout_seconds: float) -> None:
        self.name = source_name(source)
        self._source = source if isinstance(source, int) else openable(source)
        self._timeout_seconds = timeout_seconds
        self._process: DependentProcess | None = None
        self._is_left_behind = False
        self._replay = Replay()
        self.failure = ""  # how the process that read it ended, where it did not end as it should

    def open(self, *, is_cancelled: Callable[[], bool]) -> bool:
        """Start a process that reads it from now on; False as soon as that is cancelled.

        Raises:
            VideoError: it cannot be opened.
        """
        if self._process is not None and self._process.code is None:
            raise VideoError(self.name, "is still held by a process that the system cannot end; unplug it or restart")
        try:
            self._process = DependentProcess("vidcls.live.camera_process")
        except OSError as error:
            raise VideoError(self.name, f"is read by a process of its own, which cannot be started ({error})") from None
        self.failure = ""
        try:
            is_open = self._opens(self._process, is_cancelled=is_cancelled)
        except BaseException:
            self.close()
            raise
        if not is_open:
            self.close()
        return is_open

    def frames(self, *, is_cancelled: Callable[[], bool]) -> Iterator[Arrival]:
        """Every frame, as it comes in, until the source is lost or that is cancelled; none again that it had before.

        One that sends so much at once that it then says nothing for longer than `timeout_seconds` is not lost by that.
        """
        process, burst = self._process, Burst()
        if process is None:
            return
        self._replay.reopen()
        try:
            while not is_cancelled():
                until = time.monotonic() + burst.silence_seconds(self._timeout_seconds)
                received = self._receive(process, until=until, is_cancelled=is_cancelled)
                if received is None:
                    return
                header, picture = received
                if picture is None:
                    continue
                arrived = header.arrived_ns / 1e9
                burst.add(arrived, header.pts_seconds)
                if not self._replay.is_old(picture, arrived=arrived, pts=header.pts_seconds):
                    yield Arrival(
                        at=arrived,
                        pts_seconds=header.pts_seconds,
                        picture=picture,
                        dropped=header.dropped,
                    )
        except EOFError:
            self._note_failure(process)

    def close(self) -> None:
        """End its process; takes at most END_SECONDS and half a second more."""
        if self._process is None:
            return
        if self._process.end(grace_seconds=END_SECONDS):
            self._process, self._is_left_behind = None, False
        elif not self._is_left_behind:
            self._is_left_behind = True
            _logger.warning(
                "%s: process %d, which reads it, is stuck in the system and is left behind",
                self.name,
                self._process.pid,
            )

    def _opens(self, process: DependentProcess, *, is_cancelled: Callable[[], bool]) -> bool:
        request = {
            "source": self._source,
            "timeout_seconds": self._timeout_seconds,
            "log_level": camera_frames.log_level(),
        }
        try:
            process.ask(json.dumps(request))  # not an argument that all may read: URLs hold passwords
            for seconds, problem in (
                (START_SECONDS, f"the process that is to read it did not start within {START_SECONDS:.0f} s"),
                (self._timeout_seconds, self._refusal()),
            ):
                until = time.monotonic() + seconds
                if self._receive(process, until=until, is_cancelled=is_cancelled) is None:
                    if is_cancelled():
                        return False
                    raise VideoError(self.name, problem)
        except (EOFError, BrokenPipeError):
            self._note_failure(process)
            raise VideoError(self.name, self.failure or self._refusal()) from None
        return True

    def _refusal(self) -> str:
        if isinstance(self._source, int):
            return "cannot be opened; check it is plugged in and not in use"
        return cannot_be_opened(self._source)

    def _note_failure(self, process: DependentProcess) -> None:
        if process.wait(seconds=END_SECONDS) and process.code != 0:
            self.failure = f"the process that reads it ended with code {process.code}"

    def _receive(
        self, process: DependentProcess, *, until: float, is_cancelled: Callable[[], bool]
    ) -> tuple[Header, Frame | None] | None:
        """The next message; None where none comes in time, or that is cancelled."""

        def is_over() -> bool:
            return is_cancelled() or time.monotonic() >= until

        head = bytearray(messages.HEADER_BYTES)
        if not process.read_into(memoryview(head), is_over=is_over):
            return None
        header = messages.unpack(head)
        if not header.width:
            return header, None
        picture = np.empty((header.height, header.width, 3), np.uint8)
        if not process.read_into(picture.data.cast("B"), is_over=is_over):
            return None
        return header, picture
