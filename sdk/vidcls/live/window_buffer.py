"""Frames as they come in -> the newest complete window, whenever it is asked for. No thread, no clock, no I/O.

Windows that were complete before and never asked for are dropped and counted. So a slow consumer gets fewer windows,
never older ones.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.sampling import CLOCK_SECONDS
from vidcls.temporal.windows import Window, pick_frames
from vidcls.video.protocol import Frame


@dataclass(frozen=True, kw_only=True, eq=False)
class CapturedWindow:
    """A window that is complete, and what was lost since the one handed out before.

    captured: monotonic seconds at which the window ended.
    dropped_frames, dropped_windows: that nobody had time for; a dropped frame is one that was new in a
        dropped window, whether or not a window that was not dropped overlaps it, or one that came faster than
        frames could be taken in at all.
    gap_seconds: without a picture, because the source was lost.
    """

    window: Window
    captured: float
    dropped_frames: int
    dropped_windows: int
    gap_seconds: float


class WindowBuffer:
    """The newest frames of a source, by their times, and which windows they complete.

    Windows start every `step_seconds`, counted from the first frame, and anew from the first frame
    after a gap: no window spans one. Only frames that a window may still need are kept.
    """

    def __init__(self, contract: Contract, *, step_seconds: float) -> None:
        self._contract = contract
        self._step, self._clip = step_seconds, contract.sampling.clip_seconds
        self._times: deque[float] = deque()  # seconds after the first frame
        self._crops: deque[npt.NDArray[np.uint8]] = deque()
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

    def __len__(self) -> int:
        """How many frames are kept."""
        return len(self._times)

    @property
    def picture(self) -> Frame | None:
        """The newest frame at full size, uint8 RGB [H, W, 3]; None before the first."""
        return self._picture if self._picture.size else None

    def begin(self, *, captured: float) -> None:
        """Say when, in monotonic seconds, the frame of time 0 was captured."""
        self._zero = captured

    def add(self, at: float, picture: Frame, *, crop: npt.NDArray[np.uint8]) -> None:
        """Keep a frame that was shown `at` seconds after the first.

        picture: uint8 RGB [H, W, 3]. crop: what the model is given of it, uint8 RGB [crops, crop_size, crop_size, 3].
        """
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

    def lose(self, frames: int) -> None:
        """Count frames that came in and could not be kept."""
        self._dropped_frames += frames

    def begin_again(self, at: float) -> None:
        """Forget what was before a gap that ends `at` seconds after the first frame; windows count from there."""
        self._drop_pending()
        self._gap_seconds += at - self._times[-1]
        self._times.clear()
        self._crops.clear()
        self._origin, self._current, self._current_frames = at, 0, 0

    def end(self, *, duration: float) -> None:
        """Say that the video is over, and make its last window end with it."""
        self._complete(until=duration)
        start = max(0.0, duration - self._clip)
        if self._current == 0 or start - self._start(self._current - 1) > CLOCK_SECONDS:
            self._tail = start, duration

    def take(self) -> CapturedWindow | None:
        """The newest complete window that was not handed out yet; None where there is none."""
        if self._pending is not None:
            start, self._pending = self._start(self._pending), None
            return self._captured(start, end=start + self._clip)
        if self._tail is not None:
            (start, end), self._tail = self._tail, None
            return self._captured(start, end=end)
        return None

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
            frames=np.stack([self._crops[index] for index in picked], axis=-4),
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
