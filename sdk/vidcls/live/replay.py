"""Pictures that a source shows again once it was lost and opened again: they are no news. No thread, no clock, no I/O.

Whoever opens a live playlist (HLS) is given its last three segments. Where it has stopped growing, these are what was
seen before it was lost, and would be seen again each time it is opened: one fall, and an alarm every few seconds.
"""

from __future__ import annotations

import math
import zlib
from collections import deque

from vidcls.video.protocol import Frame

# Pictures are old only as long as all that came since the source was opened was so many times as fast as it was filmed.
# What a source shows at its own pace is what it shows now, and be it a slide.
REPLAY_PACE = 1.5
# What is remembered of what was shown: 66 s at 60 frames a second, more than three segments last.
SHOWN_PICTURES = 4000
# A picture is known by every 16th of its rows.
_ROWS = 16


class Replay:
    """The pictures of one source, known again to the last bit: no two of a real scene are alike."""

    def __init__(self) -> None:
        self._shown: deque[int] = deque(maxlen=SHOWN_PICTURES)
        self._before: frozenset[int] = frozenset()
        self._first = math.nan, math.nan

    def reopen(self) -> None:
        """Say that the source was opened anew."""
        self._before, self._first = frozenset(self._shown), (math.nan, math.nan)

    def is_old(self, picture: Frame, *, arrived: float, pts: float) -> bool:
        """Whether it was shown before the source was opened anew.

        picture: uint8 RGB [H, W, 3]. arrived: monotonic seconds. pts: by the source's clock; NaN where it has none, and
            then it has no past to show.
        """
        if math.isnan(self._first[0]):
            self._first = arrived, pts
        mark = zlib.crc32(picture[::_ROWS].tobytes())
        is_ahead = pts - self._first[1] >= REPLAY_PACE * (arrived - self._first[0])
        if is_ahead and mark in self._before:
            return True
        self._shown.append(mark)
        return False
