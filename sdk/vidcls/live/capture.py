"""A camera, a network stream or a file at its own pace, read by a thread: its complete windows, when asked for.

The thread takes frames as fast as the source delivers, resizes and crops every one at once, and puts them into a
`WindowBuffer`.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from typing import TypeAlias

from vidcls.concurrency.cancellation import CancelledError, cancellable, raise_if_cancelled
from vidcls.concurrency.lifetime import HelperThread, program_is_over
from vidcls.contract import Contract
from vidcls.live.window_buffer import CapturedWindow, WindowBuffer
from vidcls.preprocessing import Crop
from vidcls.video.protocol import Frame

# How often waiting threads ask whether they shall stop. A flag that is asked for may be set from a
# signal handler; a lock could be held by the very thread that the signal interrupted.
POLL_SECONDS = 0.1

Reader: TypeAlias = Callable[["Capture"], None]


class Capture:
    """The thread that reads a source, and the windows that its frames complete.

    The thread ends with the source, when it is stopped, and when the program is over; and whatever reader it runs,
    that may not wait for anything without asking `is_stopping`.
    """

    def __init__(self, reader: Reader, contract: Contract, *, step_seconds: float, crop: Crop) -> None:
        self._crop, self.window_seconds = crop, contract.sampling.clip_seconds
        # Plain locks: a Ctrl-C inside of threading.Condition, which is written in Python, would leave it locked.
        self._lock, self._news = threading.Lock(), threading.Lock()
        self._buffer = WindowBuffer(contract, step_seconds=step_seconds)
        self._has_ended = self._is_stopped = False
        self._is_taken = False  # a window, by whoever answers it
        self._error: BaseException | None = None
        self._process = os.getpid()
        self.connected = True
        # Is given every frame that is kept, and its time, by the thread that reads, which waits for it.
        self.on_frame: Callable[[float, Frame], None] | None = None
        self._thread = HelperThread(target=self._run, args=(reader,), name="vidcls-capture")
        self._thread.start()

    @property
    def picture(self) -> Frame | None:
        """The newest frame at full size, uint8 RGB [H, W, 3]; None before the first."""
        return self._buffer.picture

    def is_stopping(self) -> bool:
        """Whether `stop` was called, or the program is over."""
        return self._is_stopped or program_is_over()

    def stop(self) -> None:
        """Make the thread end soon, and `next_window` return None; may be called by any thread and signal handler."""
        self._is_stopped = True

    def close(self) -> None:
        """Stop, and wait until the thread has ended and the source is free: as long as the reader says, at most.

        In a process that `os.fork` made of this one there is no thread, and the source stays with the other.
        """
        self.stop()
        if os.getpid() == self._process:
            self._thread.join()

    @property
    def has_ended(self) -> bool:
        """Whether the thread adds no more windows; ask it before `take`, which then gives what came before the end."""
        return self._has_ended

    @property
    def error(self) -> BaseException | None:
        """What ended the thread, where that was no end of the source."""
        return self._error

    def take(self) -> CapturedWindow | None:
        """A complete window that was not handed out yet: see WindowBuffer. None where there is none now.

        Raises:
            RuntimeError: this is another process than the one that opened the source.
        """
        self._check_process()
        with self._lock:
            captured = self._buffer.take(now=time.monotonic())
            self._is_taken = captured is not None
            return captured

    def put_answered(self) -> None:
        """Say that the window that `take` gave last is answered, for `has_unanswered`."""
        self._is_taken = False

    @property
    def is_due(self) -> bool:
        """Whether a window is complete that is not answered: it is taken, or waits."""
        with self._lock:
            return self._is_taken or self._buffer.has_waiting

    @property
    def has_unanswered(self) -> bool:
        """Whether an answer is still to come even if no frame does: to a window that is due, or soon will be."""
        with self._lock:
            completes = self._buffer.completes_by_clock and not self._has_ended
        return completes or self.is_due  # in this order: what completes meanwhile is due

    def next_window(self, *, until: float = math.inf) -> CapturedWindow | None:
        """Wait for a complete window that was not handed out yet: see WindowBuffer. None at the end.

        until: monotonic seconds after which it is not waited for any more; then None.

        Raises:
            VideoError: a file cannot be decoded any further.
            RuntimeError: this is another process than the one that opened the source.
            CancelledError: nobody waits for this thread's work any more.
        """
        while not self._is_stopped and time.monotonic() < until:
            has_ended, captured = self._has_ended, self.take()
            if captured is not None:
                return captured
            if has_ended:
                if self._error is not None:
                    raise self._error
                return None
            self._news.acquire(timeout=POLL_SECONDS)
            raise_if_cancelled()
        return None

    # What readers call, in the thread: see WindowBuffer.

    def begin(self, *, captured: float) -> None:
        """Say when, in monotonic seconds, the frame of time 0 was captured; again where more is known of that."""
        with self._lock:
            self._buffer.begin(captured=captured)

    def add(self, at: float, picture: Frame, *, dropped: int, arrived: float = math.nan) -> None:
        """Keep a frame, uint8 RGB [H, W, 3], `at` seconds after the first; so many before it could not be kept.

        arrived: monotonic seconds; NaN where it came in time.
        """
        crop = self._crop(picture)
        with self._lock:
            self._buffer.lose(dropped)
            self._buffer.add(at, picture, crop=crop, arrived=arrived)
        self._wake()
        if self.on_frame is not None:
            self.on_frame(at, picture)

    def begin_again(self, at: float) -> None:
        """Forget what was before a gap that ends `at` seconds after the first frame."""
        with self._lock:
            self._buffer.begin_again(at)

    def end(self, *, duration: float) -> None:
        """Say that the video is over, and make its last window end with it."""
        with self._lock:
            self._buffer.end(duration=duration)

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise RuntimeError(
                "this stream was opened before os.fork, in the parent process, which alone can read it; "
                "open one in this process"
            )

    def _run(self, reader: Reader) -> None:
        try:
            with cancellable(self.is_stopping):
                reader(self)
        except CancelledError:
            pass  # nobody waits for it
        except BaseException as error:  # noqa: BLE001 - not swallowed: raised where windows are asked for
            self._error = error
        finally:
            self._has_ended = True
            self._wake()

    def _wake(self) -> None:
        """Let `next_window` ask again. Only the one thread that reads opens this lock, and others only close it."""
        if self._news.locked():
            self._news.release()
