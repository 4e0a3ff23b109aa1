"""Pictures that a source shows again once it was lost and opened again: they are no news. No thread, no clock, no I/O.

Whoever opens a live playlist (HLS) is given its last three segments. Where it has stopped growing, these are what was
seen before it was lost, and would be seen again each time it is opened: one fall, and an alarm every few seconds.
"""

from __future__ import annotations

import math
import zlib
from collections import deque

from vidcls.video.protocol import Frame

# For how long, after the first picture, such a picture may come: then it is what the source shows, a slide.
REPLAY_SECONDS = 10.0
# What is remembered of what was shown: 40 s at 25 frames a second, more than three segments usually last.
SHOWN_PICTURES = 1000
# A picture is known by every 16th of its rows.
_ROWS = 16


class Replay:
    """The pictures of one source, known again to the last bit: no two of a real scene are alike."""

    def __init__(self) -> None:
        self._shown: deque[int] = deque(maxlen=SHOWN_PICTURES)
        self._before: frozenset[int] = frozenset()
        self._until = -math.inf

    def reopen(self) -> None:
        """Say that the source was opened anew."""
        self._before, self._until = frozenset(self._shown), math.nan

    def is_old(self, picture: Frame, *, arrived: float) -> bool:
        """Whether it was shown before the source was opened anew; uint8 RGB [H, W, 3], at monotonic seconds."""
        if math.isnan(self._until):
            self._until = arrived + REPLAY_SECONDS
        mark = zlib.crc32(picture[::_ROWS].tobytes())
        if arrived < self._until and mark in self._before:
            return True
        self._shown.append(mark)
        return False
