"""A camera, a network stream or a file at its own pace -> the newest complete window, whenever it is asked for.

A thread reads the source as fast as it delivers, resizes and crops every frame at once, and keeps the
newest of them by their times. Whoever asks gets the newest window that is complete; windows that were
complete before and never asked for are dropped and counted. So a slow consumer sees fewer windows, never
older ones.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from vidcls.contract import Contract
from vidcls.preprocessing import crop_frame
from vidcls.sampling import CLOCK_SECONDS
from vidcls.temporal.windows import Window, pick_frames
from vidcls.video.protocol import Frame

# How often waiting threads look whether they shall stop. A flag that is looked at may be set from a
# signal handler; a lock could be held by the very thread that the signal interrupted.
POLL_SECONDS = 0.1

Reader: TypeAlias = Callable[["Capture"], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class CapturedWindow:
    """A window that is complete, and what was lost since the one handed out before.

    captured: monotonic seconds at which the window ended.
    dropped_frames, dropped_windows: that nobody had time for; a dropped frame is one that was new in a
        dropped window, whether or not a window that was not dropped overlaps it.
    gap_seconds: without a picture, because the source was lost.
    """

    window: Window
    captured: float
    dropped_frames: int
    dropped_windows: int
    gap_seconds: float


class Capture:
    """The thread that reads a source, and the frames that it keeps.

    Windows start every `step_seconds`, counted from the first frame, and anew from the first frame
    after a gap: no window spans one.
    """

    def __init__(self, reader: Reader, contract: Contract, *, step_seconds: float) -> None:
        self._contract = contract
        self._step, self._clip = step_seconds, contract.sampling.clip_seconds
        self._changed = threading.Condition()
        self._times: deque[float] = deque()  # seconds after the first frame
        self._crops: deque[Frame] = deque()
        self._origin = 0.0  # when the windows of this run, the time since the last gap, start to count
        self._current = 0  # number in this run of the oldest window that is not complete
        self._current_frames = 0  # how many frames are new in it
        self._pending: int | None = None  # the newest complete one that nobody has asked for
        self._pending_frames = 0
        self._dropped_frames = self._dropped_windows = 0  # since the last window handed out
        self._gap_seconds = 0.0
        self._zero = 0.0  # monotonic seconds of the first frame
        self._picture: Frame = np.empty((0, 0, 3), np.uint8)
        self._tail: tuple[float, float] | None = None  # start, and end of the video, of a window at a file's end
        self._ended = self._stopping = False
        self._error: BaseException | None = None
        self.connected = True
        # A daemon, so that a dead network stream cannot keep a program from ending.
        self._thread = threading.Thread(target=self._run, args=(reader,), daemon=True, name="vidcls-capture")
        self._thread.start()

    @property
    def picture(self) -> Frame | None:
        """The newest frame at full size, uint8 RGB [H, W, 3]; None before the first."""
        return self._picture if self._picture.size else None

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def stop(self) -> None:
        """Make the thread end soon, and `next_window` return None; may be called by any thread and signal handler."""
        self._stopping = True

    def close(self) -> None:
        """Stop, and wait until the thread has ended and the source is free."""
        self.stop()
        self._thread.join()

    def next_window(self) -> CapturedWindow | None:
        """Wait for a complete window that was not handed out yet; the newest of them. None at the end.

        Raises:
            VideoError: a file cannot be decoded any further.
        """
        with self._changed:
            while not self._stopping:
                if self._pending is not None:
                    start, self._pending = self._start(self._pending), None
                    return self._captured(start, end=start + self._clip)
                if self._tail is not None:
                    (start, end), self._tail = self._tail, None
                    return self._captured(start, end=end)
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return None
                self._changed.wait(POLL_SECONDS)
        return None

    # What readers call, in the thread.

    def begin(self, *, captured: float) -> None:
        """Say when, in monotonic seconds, the frame of time 0 was captured."""
        self._zero = captured

    def add(self, at: float, picture: Frame) -> None:
        """Keep a frame, uint8 RGB [H, W, 3], `at` seconds after the first."""
        crop = crop_frame(picture, self._contract.image, crops=1)[0]
        with self._changed:
            self._complete(until=at)
            self._times.append(at)
            self._crops.append(crop)
            self._picture = picture
            if at >= self._start(self._current - 1) + self._clip - CLOCK_SECONDS:
                self._current_frames += 1
            # The pending window needs frames, the current one, and one that ends with the video if it ends now.
            oldest = self._start(self._current if self._pending is None else self._pending)
            while len(self._times) > 1 and self._times[1] < min(oldest, at - self._clip) - CLOCK_SECONDS:
                self._times.popleft()
                self._crops.popleft()
            self._changed.notify_all()

    def begin_again(self, at: float) -> None:
        """Forget what was before a gap that ends `at` seconds after the first frame; windows count from there."""
        with self._changed:
            self._drop_pending()
            self._gap_seconds += at - self._times[-1]
            self._times.clear()
            self._crops.clear()
            self._origin, self._current, self._current_frames = at, 0, 0

    def end(self, *, duration: float) -> None:
        """Say that the video is over, and make its last window end with it."""
        with self._changed:
            self._complete(until=duration)
            start = max(0.0, duration - self._clip)
            if self._current == 0 or start - self._start(self._current - 1) > CLOCK_SECONDS:
                self._tail = start, duration

    def _run(self, reader: Reader) -> None:
        try:
            reader(self)
        except BaseException as error:  # noqa: BLE001 - not swallowed: raised where windows are asked for
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _start(self, number: int) -> float:
        return self._origin + number * self._step

    def _complete(self, *, until: float) -> None:
        """Note which windows are complete now that a frame, or the end, has come at `until`.

        A window without a frame that the one before did not have is passed over.
        """
        while self._start(self._current) + self._clip - CLOCK_SECONDS <= until:
            if self._current_frames:
                self._drop_pending()
                self._pending, self._pending_frames = self._current, self._current_frames
                self._current_frames = 0
            self._current += 1

    def _drop_pending(self) -> None:
        if self._pending is not None:
            self._dropped_windows += 1
            self._dropped_frames += self._pending_frames
            self._pending = None

    def _captured(self, start: float, *, end: float) -> CapturedWindow:
        times = list(self._times)
        picked = pick_frames(times, start=start, contract=self._contract)
        window = Window(
            start=start,
            end=start + self._clip,
            frames=np.stack([self._crops[index] for index in picked]),
            timestamps=np.array([times[index] for index in picked]),
            picture=self._picture,
        )
        captured = CapturedWindow(
            window=window,
            captured=self._zero + end,
            dropped_frames=self._dropped_frames,
            dropped_windows=self._dropped_windows,
            gap_seconds=self._gap_seconds,
        )
        self._dropped_frames, self._dropped_windows, self._gap_seconds = 0, 0, 0.0
        return captured
