"""Frames between the thread that reads a source and the one that sends them: the source is not held up, memory flat."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import replace

from vidcls.live.clock import BURST_SECONDS
from vidcls.live.messages import Header
from vidcls.video.protocol import Frame

# Frames that wait, at most: a quarter of a second of a usual camera, 50 MB of 1080p.
WAITING_FRAMES = 8


class Outbox:
    """At most WAITING_FRAMES frames; where more come, the oldest is dropped and counted.

    hold_seconds: for how long altogether whoever puts frames in is made to wait instead, since there last was
        nothing to send; and for as long as their pts are ahead of the clock since then, BURST_SECONDS at most. A server
        that sends some seconds at once, such as HLS, so loses none; one that is faster than its frames can be taken for
        good does, and is not watched ever later. 0 for a camera, which cannot wait.
    """

    def __init__(self, *, hold_seconds: float) -> None:
        self._hold_seconds = hold_seconds
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Header, Frame | None]] = deque()
        self._held_seconds = 0.0
        self._began = 0.0, 0.0  # when there last was nothing to send: by the clock, and by the pts
        self._dropped = 0
        self._is_closed = False

    def put(self, header: Header, picture: Frame | None) -> None:
        """Send this after what waits."""
        with self._changed:
            if not self._waiting:
                self._held_seconds, self._began = 0.0, (header.arrived_ns / 1e9, header.pts_seconds)
            while len(self._waiting) == WAITING_FRAMES and not self._is_closed:
                left = self._hold_seconds - self._held_seconds + self._ahead_seconds(header)
                if left <= 0:
                    self._dropped += self._waiting.popleft()[1] is not None
                    break
                before = time.monotonic()
                self._changed.wait(left)
                self._held_seconds += time.monotonic() - before
            self._waiting.append((header, picture))
            self._changed.notify_all()

    def take(self) -> tuple[Header, Frame | None] | None:
        """What is to be sent next, once there is something; None when all is sent and no more comes."""
        with self._changed:
            while not self._waiting:
                if self._is_closed:
                    return None
                self._changed.wait()
            header, picture = self._waiting.popleft()
            header, self._dropped = replace(header, dropped=self._dropped), 0
            self._changed.notify_all()
        return header, picture

    def _ahead_seconds(self, header: Header) -> float:
        began, pts_began = self._began
        ahead = header.pts_seconds - pts_began - (header.arrived_ns / 1e9 - began)
        return min(ahead, BURST_SECONDS) if self._hold_seconds and ahead > 0 else 0.0  # NaN is not ahead

    def close(self) -> None:
        """Say that no more comes."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
