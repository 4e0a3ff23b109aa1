"""Frames as they come in -> the complete windows that wait for an answer. No thread, no clock, no I/O.

Of a source whose frames come one by one that is the newest complete window: what was complete before and never asked
for is dropped and counted, so that a slow consumer gets fewer windows, never older ones. A source that sends some
seconds at once completes several windows at once, and is quiet then: they wait for as long as its bursts last.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.sampling import CLOCK_SECONDS
from vidcls.temporal.windows import Window, pick_frames
from vidcls.video.protocol import Frame

# What waits spans no more than this and takes no more than that, of which most is a frame at full size of each window.
BACKLOG_SECONDS = 30.0
# For how long a burst counts, in times its own length. By then a model that is busy for three quarters of the time has
# worked off a first burst that was longer than those that follow, as HLS begins; and one that is too slow is as late as
# ever again.
BURST_COUNTS = 2
BACKLOG_BYTES = 200_000_000

# A camera slower than one frame a window: how long after a window's end it is taken for complete without a next frame,
# which could be one of its own that is late.
LATE_SECONDS = 0.3


@dataclass(frozen=True, kw_only=True, eq=False)
class CapturedWindow:
    """A window that is complete, and what was lost since the one handed out before.

    captured: monotonic seconds at which the window ended, by the fastest delivery known.
    dropped_frames, dropped_windows: that nobody had time for; a dropped frame is one that was new in a
        dropped window, whether or not a window that was not dropped overlaps it, or one that came faster than
        frames could be taken in at all.
    gap_seconds: without a picture, because the source was lost, or of which nobody knows, because its times jumped.
    """

    window: Window
    captured: float
    dropped_frames: int
    dropped_windows: int
    gap_seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class _Waiting:
    """A complete window that nobody has asked for.

    completed: monotonic seconds at which a frame came in that no longer belonged to it. followed: that frame's time.
    gap_seconds: before it. zero: monotonic seconds of time 0, once nothing more is learned of that; NaN until then.
    """

    start: float
    end: float
    crops: list[npt.NDArray[np.uint8]]
    times: list[float]
    picture: Frame
    new_frames: int
    completed: float
    followed: float
    gap_seconds: float
    zero: float = math.nan


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
        self._has_new = False  # whether any came since the window before was complete
        self._interval = 0.0  # between the newest two frames of this run
        self._waiting: list[_Waiting] = []  # oldest first
        self._followers: deque[tuple[float, float]] = deque()  # of this run's windows lately: `completed`, `followed`
        self._late: deque[tuple[float, float]] = deque()  # of those before: `completed`, and how late that was
        self._dropped_frames = self._dropped_windows = 0  # since the last window handed out
        self._dropped_gap_seconds = 0.0  # before dropped windows, since then
        self._gap_seconds = 0.0  # before the next window that is complete
        self._zero = 0.0  # monotonic seconds at which a frame of time 0 came, or would have by the fastest delivery
        self._picture: Frame = np.empty((0, 0, 3), np.uint8)

    def __len__(self) -> int:
        """How many frames are kept for windows that are not complete."""
        return len(self._times)

    @property
    def picture(self) -> Frame | None:
        """The newest frame at full size, uint8 RGB [H, W, 3]; None before the first."""
        return self._picture if self._picture.size else None

    @property
    def has_waiting(self) -> bool:
        """Whether a window is complete that nobody has asked for."""
        return bool(self._waiting)

    @property
    def completes_by_clock(self) -> bool:
        """Whether `take` will complete one without another frame: of a camera slower than one frame a window."""
        return self._has_new and self._interval >= self._clip

    def begin(self, *, captured: float) -> None:
        """Say when, in monotonic seconds, the frame of time 0 was captured; again where more is known of that."""
        self._zero = captured

    def add(self, at: float, picture: Frame, *, crop: npt.NDArray[np.uint8], arrived: float = math.nan) -> None:
        """Keep a frame that was shown `at` seconds after the first.

        picture: uint8 RGB [H, W, 3]. crop: what the model is given of it, uint8 RGB [crops, crop_size, crop_size, 3].
        arrived: monotonic seconds; NaN where it came in time.
        """
        self._picture = picture
        self._complete(until=at, now=self._zero + at if math.isnan(arrived) else arrived)
        self._interval = at - self._times[-1] if self._times else 0.0
        self._times.append(at)
        self._crops.append(crop)
        self._has_new = True
        if at >= self._start(self._current - 1) + self._clip - CLOCK_SECONDS:
            self._current_frames += 1
        # The current window needs frames, and one that ends with the video if it ends now.
        oldest = min(self._start(self._current), at - self._clip) - CLOCK_SECONDS
        while len(self._times) > 1 and self._times[1] < oldest:
            self._times.popleft()
            self._crops.popleft()

    def lose(self, frames: int) -> None:
        """Count frames that came in and could not be kept."""
        self._dropped_frames += frames

    def begin_again(self, at: float) -> None:
        """End what was before a gap that ends `at` seconds after the first frame; windows count from there.

        Windows that are complete go on waiting, with the times that they had.
        """
        if self._interval >= self._clip:
            # It ended by the clock, as in `take`, had anybody asked.
            self._complete(until=at - LATE_SECONDS, now=self._zero + at)
        self._waiting = [replace(each, zero=self._zero) if math.isnan(each.zero) else each for each in self._waiting]
        self._late.extend((completed, completed - (self._zero + followed)) for completed, followed in self._followers)
        self._gap_seconds += at - self._times[-1] if self._times else 0.0
        self._times.clear()
        self._crops.clear()
        self._followers.clear()
        self._origin, self._current, self._current_frames = at, 0, 0
        self._has_new, self._interval = False, 0.0

    def end(self, *, duration: float) -> None:
        """Say that the video is over, and make its last window end with it."""
        now = self._zero + duration
        self._complete(until=duration, now=now)
        start = max(0.0, duration - self._clip)
        if self._current == 0 or start - self._start(self._current - 1) > CLOCK_SECONDS:
            # It is no newer than the window before it that may wait: there will be no newer ones.
            self._waiting.append(self._window(start, end=duration, until=duration, now=now))
        self._has_new = False  # none is left for a window that would end after the video

    def take(self, *, now: float = math.nan) -> CapturedWindow | None:
        """The oldest complete window that waits; None where there is none.

        now: monotonic seconds, by which windows of a camera slower than one frame a window are complete without a
            next frame; NaN where they need one.
        """
        if self._interval >= self._clip:
            self._complete(until=now - self._zero - LATE_SECONDS, now=now)
        return self._captured(self._waiting.pop(0)) if self._waiting else None

    def _start(self, number: int) -> float:
        return self._origin + number * self._step

    def _complete(self, *, until: float, now: float) -> None:
        """Note which windows are complete now that a frame, or the end, has come at `until`.

        A window without a frame that the one before did not have is passed over.
        """
        while (start := self._start(self._current)) + self._clip - CLOCK_SECONDS <= until:
            if self._has_new:
                self._waiting.append(self._window(start, end=start + self._clip, until=until, now=now))
                self._followers.append((now, until))
                self._drop(self._too_old())
                self._current_frames, self._has_new = 0, False
            self._current += 1

    def _window(self, start: float, *, end: float, until: float, now: float) -> _Waiting:
        times = list(self._times)
        picked = pick_frames(times, start=start, contract=self._contract)
        gap_seconds, self._gap_seconds = self._gap_seconds, 0.0
        return _Waiting(
            start=start,
            end=end,
            crops=[self._crops[index] for index in picked],
            times=[times[index] for index in picked],
            picture=self._picture,
            new_frames=self._current_frames,
            completed=now,
            followed=until,
            gap_seconds=gap_seconds,
        )

    def _too_old(self) -> list[_Waiting]:
        """Those that had waited for longer than bursts last when the newest was complete."""
        newest, size, old = self._waiting[-1], 0, []
        counted: set[int] = set()  # windows share frames
        patience = self._burst_seconds(now=newest.completed)
        for each in reversed(self._waiting):
            for kept in map(_kept, [each.picture, *each.crops]):
                size += 0 if id(kept) in counted else kept.nbytes
                counted.add(id(kept))
            may_wait = newest.completed - each.completed <= patience and newest.end - each.end <= BACKLOG_SECONDS
            if each is not newest and not (may_wait and size <= BACKLOG_BYTES):
                old.append(each)
        return old

    def _burst_seconds(self, *, now: float) -> float:
        """How late frames are at most, compared with the fastest: the length of a burst, 0 where there are none."""
        for lately in (self._followers, self._late):
            while lately and now - lately[0][0] > BURST_COUNTS * BACKLOG_SECONDS:
                lately.popleft()
        this_run = ((completed, completed - (self._zero + followed)) for completed, followed in self._followers)
        late = (*self._late, *this_run)
        return max((seconds for completed, seconds in late if now - completed <= BURST_COUNTS * seconds), default=0.0)

    def _drop(self, windows: list[_Waiting]) -> None:
        self._dropped_windows += len(windows)
        self._dropped_frames += sum(each.new_frames for each in windows)
        self._dropped_gap_seconds += sum(each.gap_seconds for each in windows)
        self._waiting = [each for each in self._waiting if each not in windows]

    def _captured(self, taken: _Waiting) -> CapturedWindow:
        window = Window(
            start=taken.start,
            end=taken.start + self._clip,
            frames=np.stack(taken.crops, axis=-4),
            timestamps=np.array(taken.times),
            picture=taken.picture,
        )
        captured = CapturedWindow(
            window=window,
            captured=(self._zero if math.isnan(taken.zero) else taken.zero) + taken.end,
            dropped_frames=self._dropped_frames,
            dropped_windows=self._dropped_windows,
            gap_seconds=self._dropped_gap_seconds + taken.gap_seconds,
        )
        self._dropped_frames, self._dropped_windows, self._dropped_gap_seconds = 0, 0, 0.0
        return captured


def _kept(array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Whose memory an array keeps: its own, or all of what it is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
