"""Segments of a video -> subtitles, as any player shows them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise

from vidcls.temporal.timeline import Segment

# Of a subtitle, in seconds; nobody reads a shorter one.
SHORTEST_SUBTITLE = 0.05


def subtitles(found: Iterable[Segment]) -> Iterator[str]:
    """The entries of an .srt file, in order, of the segments that have a label.

    Where labels hold together they share an entry, a line each: of entries that overlap, players show one or none.
    """
    return settled_subtitles([(found, math.inf)])


def settled_subtitles(parts: Iterable[tuple[Iterable[Segment], float]]) -> Iterator[str]:
    """The same of segments that come one by one, each entry as soon as none can alter it any more.

    Args:
        parts: segments, and the second before which no other with a label begins, as `settled_segments` gives them.
    """
    waiting: deque[Segment] = deque()
    shown: list[Segment] = []
    borders: list[float] = []
    number = 0
    for found, settled in parts:
        known = (segment for segment in found if segment.known)
        waiting = deque(sorted([*waiting, *known], key=lambda segment: segment.start))
        ends = {at for segment in (*shown, *waiting) for at in (segment.start, segment.end)}
        last = borders[-1:]  # of before, from which on nothing is written yet
        borders = [*last, *sorted(at for at in ends if max(last, default=-math.inf) < at <= settled)]
        for start, end in pairwise(borders):
            shown = [segment for segment in shown if segment.end > start]
            while waiting and waiting[0].start <= start:
                shown.append(waiting.popleft())
            if shown and end - start >= SHORTEST_SUBTITLE:
                number += 1
                lines = "\n".join(map(_srt_line, shown))
                yield f"{number}\n{_srt_time(start)} --> {_srt_time(end)}\n{lines}\n"


def _srt_line(segment: Segment) -> str:
    text = " ".join((segment.label or "").split()).replace("-->", "->")  # which would begin another subtitle
    return f"{text} ({segment.score:.2f})"


def _srt_time(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02},{milliseconds % 1000:03}"
