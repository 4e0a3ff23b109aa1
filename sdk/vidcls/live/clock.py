"""Frames as they arrive -> when each was filmed, in seconds after the first. No thread, no clock of its own, no I/O.

A frame's time is its media time, the source's pts, as long as the pace of that agrees with arrival; else it is the
moment of arrival. What sources do, measured with OpenCV 5.0 and FFmpeg on loopback:

- RTSP over TCP and UDP, HLS, MPEG-TS: right. Frames that came in while the stream was opened arrive at once: 1.7 s of
  an RTSP camera of 15 fps, three segments of HLS. The first frame of RTSP may have the pts of the second.
- MJPEG over HTTP: no pts, which FFmpeg says (AV_NOPTS_VALUE) and OpenCV covers with 25 fps: NaN here.
- Raw MJPEG: pts counted at 25 fps, whatever the camera's rate; steady and wrong.
- Raw H.264: pts that stand still. Of others two frames may have one pts now and then.
- A segment of HLS arrives at once, then nothing for its length. So pace is measured from burst to burst: by the
  smallest (arrival - pts) of stretches.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from statistics import median_low
from typing import Literal

# From one frame to the next pts may go ahead of arrival by a window. Of frames that come at once, by so many of the
# usual intervals, so that one may be lost; which is the middle one of so many.
INTERVALS = 2.5
INTERVALS_KEPT = 3
# But by no more than this; nor at the start, where nobody knows what is usual.
LONGEST_INTERVAL_SECONDS = 10.0

# What two frames' times differ by at least: Matroska's clock, as in vidcls.sampling.
LEAST_GAP_SECONDS = 0.001

# A stretch is no shorter than this, nor than the time between two bursts.
STRETCH_SECONDS = 2.0
# How far the fastest delivery is looked for: back so many seconds, and so many stretches, hence bursts.
OFFSET_SECONDS = 60.0
OFFSET_STRETCHES = 5

# The pace of pts, in seconds per second of arrival, agrees between these.
LEAST_PACE, GREATEST_PACE = 0.9, 1.1
# Too slow from one stretch to the next so often, 8 s: a congested link makes frames wait, but a few seconds at most.
SLOW_STRETCHES = 4
# Too fast, 16 s: three segments of HLS at the start may take so long to be fetched and decoded.
FAST_STRETCHES = 8
# After so many that agree, 30 s, pts that were found wrong are right again, such as after a very long congestion.
AGREEING_STRETCHES = 15

# Where pts went wrong so often in so many seconds, or from frame to frame, they stand still or are no times at all.
RESTARTS = 3
RESTART_SECONDS = 10.0
# For how long frames without a pts, or with that of the frame before, are passed over, among others that have one.
WITHOUT_PTS_SECONDS = 1.0

# A source that says nothing for so much longer than its pts account for was silent.
SILENT_SECONDS = 0.5
# What may come at once: three segments of HLS.
BURST_SECONDS = 30.0
# How long a burst is, in shares of the time-out, that makes a source silent for longer than that may be.
BURST_SHARE = 0.7

# Frames without a pts that come faster than this, and for how long, waited while the stream was opened.
AT_ONCE_APART_SECONDS = 0.01
AT_ONCE_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class FrameTime:
    """When a frame was filmed.

    at: seconds after the first frame of the source.
    gap_seconds: before it, of which nobody knows; it ends what was before. None where it goes on.
    offset: monotonic seconds at which a frame of time 0 would have arrived by the fastest delivery known. A frame is
        late by what its arrival is after `offset + at`, and by a delay that all share, which cannot be seen.
    why: what ended what was before, in words; "" where nothing did or the source was opened again.
    """

    at: float
    gap_seconds: float | None
    offset: float
    why: str


class Deliveries:
    """How late frames came: the smallest (arrival - time) of every stretch."""

    def __init__(self) -> None:
        self._begun: deque[float] = deque()  # when stretches began, by arrival
        self._delays: deque[float] = deque()  # the smallest of each

    def add(self, arrived: float, time: float) -> bool:
        """Take a frame in; whether a stretch begins with it."""
        delay = arrived - time
        if self._begun and arrived - self._begun[-1] < STRETCH_SECONDS:
            self._delays[-1] = min(self._delays[-1], delay)
            return False
        self._begun.append(arrived)
        self._delays.append(delay)
        while len(self._begun) > AGREEING_STRETCHES + 2 and arrived - self._begun[0] > OFFSET_SECONDS:
            self._begun.popleft()
            self._delays.popleft()
        return True

    @property
    def offset(self) -> float:
        """The smallest (arrival - time) of the last minute, and of five stretches at least."""
        since = self._begun[-1] - OFFSET_SECONDS
        recent = sum(begun >= since for begun in self._begun)
        return min(list(self._delays)[-max(recent, OFFSET_STRETCHES) :])

    def is_off(self) -> bool:
        """Whether times are too slow or too fast, stretch after stretch."""
        slow, fast = self._paces(SLOW_STRETCHES), self._paces(FAST_STRETCHES)
        return bool(slow and max(slow) < LEAST_PACE) or bool(fast and min(fast) > GREATEST_PACE)

    def agrees(self) -> bool:
        """Whether times have been right for long."""
        paces = self._paces(AGREEING_STRETCHES)
        return bool(paces) and min(paces) >= LEAST_PACE and max(paces) <= GREATEST_PACE

    def _paces(self, count: int) -> list[float]:
        """The last `count`, between stretches that are over; none where there are not so many yet."""
        begun, delays = list(self._begun)[-count - 2 : -1], list(self._delays)[-count - 2 : -1]
        if len(begun) <= count:
            return []
        return [1 - (delays[k + 1] - delays[k]) / (begun[k + 1] - begun[k]) for k in range(count)]


class Burst:
    """What a source sent at once, of which it may be silent for as long as that lasts: a segment of HLS."""

    def __init__(self) -> None:
        self._seconds = 0.0  # how far frames have lately come ahead of the clock
        self._before = math.nan, math.nan

    def add(self, arrived: float, pts: float) -> None:
        """Take a frame in; as for SourceClock.tick."""
        elapsed, shown = arrived - self._before[0], pts - self._before[1]
        self._before = arrived, pts
        if not elapsed - SILENT_SECONDS < shown < elapsed + BURST_SECONDS:  # also without pts
            self._seconds = 0.0
        else:
            # A quarter more: what came at once while the stream was opened is forgotten as frames come one by one.
            self._seconds = min(max(self._seconds + shown - 1.25 * elapsed, 0.0), BURST_SECONDS)

    def silence_seconds(self, timeout_seconds: float) -> float:
        """How long it may say nothing, of a source that may do so for `timeout_seconds` where it sends no bursts.

        Bursts that are clearly shorter than that need no more.
        """
        is_long = self._seconds > BURST_SHARE * timeout_seconds
        return timeout_seconds + (self._seconds if is_long else 0.0)


class SourceClock:
    """When frames of one source were filmed, from when they arrived and what the source says, frame by frame.

    window_seconds: of the model. Where pts jump ahead of arrival by more, and by more than is between the source's
        frames, windows begin anew.
    """

    def __init__(self, *, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._newest: tuple[float, float] | None = None  # arrival and time of the newest frame that was used
        self._is_alone: bool  # whether that is the only one so far
        self.reopen()

    def reopen(self) -> None:
        """Say that the source was opened anew: nothing that it said before counts."""
        self._by: Literal["pts", "arrival"] | None = None  # what times go by; None before the first frame
        self._zero = 0.0  # what that says at time 0
        self._deliveries = Deliveries()
        self._before = math.nan, math.nan  # arrival and pts of the frame before
        self._intervals: deque[float] = deque(maxlen=INTERVALS_KEPT)  # between pts, of the newest frames
        self._restarts: deque[float] = deque(maxlen=RESTARTS)  # when pts went wrong
        self._restarts_in_a_row = 0  # since a frame went on from the one before
        self._opened: float | None = None  # the first frame's arrival, until frames come one by one
        self._is_alone = False

    def tick(self, arrived: float, pts: float) -> FrameTime | None:
        """When a frame was filmed; None where it is not to be used, because nobody can say.

        arrived: monotonic seconds. pts: by the source's clock, wherever that counts from; NaN where it has none.
        """
        pts = pts if math.isfinite(pts) else math.nan
        arrived_before, pts_before = self._before
        if self._by == "pts" and math.isnan(pts):
            if self._newest is not None and arrived - self._newest[0] < WITHOUT_PTS_SECONDS:
                return None
            return self._turn_to_arrival(arrived, why="its pts have ended; frames count from their arrival")
        if self._by == "pts" and pts == pts_before and self._may_stand_still(arrived):
            return None
        self._before = arrived, pts
        is_stretch = self._follow(arrived, pts, pts_before=pts_before)
        if self._by is None:
            self._opened = arrived
            return self._turn_to_arrival(arrived) if math.isnan(pts) else self._begin(arrived, pts, by="pts")
        if self._by == "arrival":
            if is_stretch and self._deliveries.agrees():
                return self._begin(arrived, pts, by="pts", why="its pts keep pace with the clock again")
            return self._by_arrival(arrived, arrived_before)
        if not self._is_next(pts - pts_before, elapsed=arrived - arrived_before):
            return self._restart(arrived, pts)
        if is_stretch and self._deliveries.is_off():
            return self._turn_to_arrival(
                arrived, why="its pts do not keep pace with the clock; frames count from their arrival"
            )
        return self._go_on(arrived, pts)

    def _follow(self, arrived: float, pts: float, *, pts_before: float) -> bool:
        """Compare pts with arrival, also where times do not go by them; whether a stretch begins."""
        if math.isnan(pts):
            return False
        if pts > pts_before:
            self._intervals.append(pts - pts_before)
        elif pts <= pts_before:
            self._deliveries = Deliveries()
        return self._deliveries.add(arrived, pts)

    def _is_next(self, interval: float, *, elapsed: float) -> bool:
        """Whether a frame whose pts is so much greater goes on from one that arrived so long before it."""
        return 0 < interval <= max(elapsed + self._window_seconds, self._few_intervals())

    def _few_intervals(self) -> float:
        """Seconds: INTERVALS usual ones; 0 where nobody knows what is usual."""
        usual = median_low(self._intervals) if self._intervals else 0.0
        return min(INTERVALS * usual, LONGEST_INTERVAL_SECONDS)

    def _may_stand_still(self, arrived: float) -> bool:
        """Whether a frame with the pts of the frame before is passed over: where pts have gone on, and soon may again.

        Not at the start, where the first frame is the one whose pts is wrong.
        """
        if self._newest is None or not self._intervals or self._restarts_in_a_row:
            return False
        return arrived - self._newest[0] < max(WITHOUT_PTS_SECONDS, self._few_intervals())

    def _restart(self, arrived: float, pts: float) -> FrameTime | None:
        self._restarts.append(arrived)
        self._restarts_in_a_row += 1
        are_soon = len(self._restarts) == RESTARTS and arrived - self._restarts[0] < RESTART_SECONDS
        if are_soon or self._restarts_in_a_row == RESTARTS:
            return self._turn_to_arrival(arrived, why="its pts are no times; frames count from their arrival")
        return self._begin(arrived, pts, by="pts", why="its pts jumped")

    def _turn_to_arrival(self, arrived: float, *, why: str = "") -> FrameTime | None:
        if self._opened is not None and arrived - self._opened < AT_ONCE_SECONDS:
            self._by = "arrival"
            return None
        self._opened = None
        return self._begin(arrived, arrived, by="arrival", why=why)

    def _by_arrival(self, arrived: float, arrived_before: float) -> FrameTime | None:
        if self._opened is None:
            return self._go_on(arrived, arrived)
        # By their arrival, frames that waited while the stream was opened would lie at one moment.
        if arrived - arrived_before < AT_ONCE_APART_SECONDS and arrived - self._opened < AT_ONCE_SECONDS:
            return None
        self._opened = None
        return self._begin(arrived, arrived, by="arrival")

    def _begin(self, arrived: float, value: float, *, by: Literal["pts", "arrival"], why: str = "") -> FrameTime:
        """Let times go by that from this frame on, of which it says `value`."""
        at, gap = 0.0, None
        if self._is_alone:
            gap = 0.0  # nothing is lost with a single frame that was before
        elif self._newest is not None:
            gap = max(arrived - self._newest[0], LEAST_GAP_SECONDS)
            at = self._newest[1] + gap
        self._is_alone = not at
        if by == "pts":
            self._deliveries = Deliveries()
            self._deliveries.add(arrived, value)
        self._by, self._zero = by, value - at
        at = value - self._zero  # to the last bit what a frame after it would have that says the same
        self._newest = arrived, at
        return FrameTime(at=at, gap_seconds=gap, offset=self._offset(), why=why)

    def _go_on(self, arrived: float, value: float) -> FrameTime:
        at = value - self._zero
        self._restarts_in_a_row = 0
        self._is_alone, self._newest = False, (arrived, at)
        return FrameTime(at=at, gap_seconds=None, offset=self._offset(), why="")

    def _offset(self) -> float:
        return self._zero if self._by == "arrival" else self._deliveries.offset + self._zero
