"""A file's packets -> when its frames are shown, and from where to decode the wanted ones. No I/O.

Packets are what a container holds: compressed frames, in the order they are decoded in. Their times can be
read a thousand times faster than frames can be decoded, so they say beforehand which frames a view is
made of. They are a prediction: `vidcls.video.frames` checks it against every frame that is decoded.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from vidcls.sampling import duration_seconds, presentation_times

# A packet is shown at most 16 frames after it is decoded (H.264 and HEVC allow no more), so once 32 in a row
# lie beyond a time, none before it is missing.
REORDERED_PACKETS = 32
# What it costs to start decoding elsewhere, in frames: OpenCV begins at least 16 before the one asked for.
SEEK_FRAMES = 20
# One time reckoned in two ways, in floats. The finest clock in use ticks every 11 us (90 kHz).
SAME_SECONDS = 2e-6


class Packet(NamedTuple):
    """One compressed frame: its time in seconds of the container's clock, and whether decoding can begin there."""

    seconds: float
    is_key: bool


@dataclass(frozen=True, kw_only=True)
class TimeTable:
    """The frames of a video, or those parts of it that matter, in the order they are shown.

    times: seconds after the video's first frame, increasing.
    duration: seconds, of the whole video.
    stamps: the same frames' times by the container's clock; None where that clock cannot be used, and then
        the only way to a frame is to decode all before it.
    keys: indices at which decoding can begin.
    parts: the index that each part begins with. Between parts, frames are missing from the table.
    """

    times: list[float]
    duration: float
    stamps: list[float] | None
    keys: list[int]
    parts: list[int]

    def part_end(self, index: int) -> int:
        """The index after the last of the part that holds frame `index`."""
        following = bisect_right(self.parts, index)
        return self.parts[following] if following < len(self.parts) else len(self.times)


@dataclass(frozen=True, kw_only=True)
class Run:
    """Frames first..last, to be decoded one after the other from the key frame before them."""

    first: int
    last: int


def whole_table(packets: Sequence[Packet], *, first_stamp: float, average_rate: float) -> TimeTable:
    """The table of a video all of whose packets are known.

    Args:
        packets: in any order.
        first_stamp: of the first frame that was decoded. Packets before it are cut off by the container's
            edit list, which gives them negative times; if any has another, the decoder's clock is not the
            container's, as in B-frame AVIs.
        average_rate: frames per second, for those.
    """
    shown = sorted(packets)
    stamps = [packet.seconds for packet in shown]
    start = find_stamp(stamps, first_stamp)
    is_clock = start is not None and all(stamp < 0 for stamp in stamps[:start])
    if not is_clock or any(earlier >= later for earlier, later in pairwise(stamps)):
        times = presentation_times([None] * len(packets), average_rate=average_rate)
        return TimeTable(times=times, duration=duration_seconds(times), stamps=None, keys=[], parts=[0])
    return _table(shown[start:], start=first_stamp, duration=None, parts=[0])


def partial_table(stretches: Iterable[Sequence[Packet]], *, first_stamp: float, duration: float) -> TimeTable:
    """The table of some stretches of a long video.

    Args:
        stretches: each complete from its first packet's time on; they may overlap.
        first_stamp: of the video's first frame.
        duration: seconds, of the whole video.
    """
    shown: list[Packet] = []
    parts = []
    for stretch in sorted(sorted(stretch) for stretch in stretches):
        if not shown or stretch[0].seconds > shown[-1].seconds:
            parts.append(len(shown))
            shown += stretch
        else:
            shown += [packet for packet in stretch if packet.seconds > shown[-1].seconds]
    return _table(shown, start=first_stamp, duration=duration, parts=parts)


def decoded_table(stamps: Sequence[float], *, average_rate: float) -> TimeTable:
    """The table of a video that was decoded from beginning to end: what counts, whatever the packets said."""
    # The first is at 0, also where neither a rate nor a clock says when the others are.
    times = [0.0, *presentation_times(stamps, average_rate=average_rate)[1:]]
    return TimeTable(times=times, duration=duration_seconds(times), stamps=None, keys=[], parts=[0])


def find_stamp(stamps: Sequence[float], stamp: float) -> int | None:
    """The index of `stamp` among increasing `stamps`; None if it is not there."""
    index = bisect_left(stamps, stamp - SAME_SECONDS)
    return index if index < len(stamps) and same_stamp(stamps[index], stamp) else None


def same_stamp(one: float, other: float) -> bool:
    """Whether two times are one frame's."""
    return abs(one - other) <= SAME_SECONDS


def plan_runs(table: TimeTable, spans: Sequence[tuple[int, int]]) -> list[Run] | None:
    """How to decode the frames first..last of each span by seeking, then the last frame of the video.

    All frames of a span are decoded, wanted or not: what comes out between them says that they are the right ones.
    The last run looks whether the video ends where the table says. None if decoding everything is cheaper.
    """
    if table.stamps is None:
        return None
    last = len(table.times) - 1
    runs: list[Run] = []
    for start, end in [*sorted(spans), (last, last)]:
        lead_in = start - _key_before(table, start) + SEEK_FRAMES
        if runs and table.part_end(runs[-1].last) > start and start - runs[-1].last <= lead_in:
            runs[-1] = Run(first=runs[-1].first, last=max(end, runs[-1].last))
        else:
            runs.append(Run(first=start, last=end))
    cost = sum(run.last - _key_before(table, run.first) + SEEK_FRAMES for run in runs)
    return runs if len(table.parts) > 1 or cost < len(table.times) else None


def _key_before(table: TimeTable, index: int) -> int:
    found = bisect_right(table.keys, index) - 1
    return table.keys[found] if found >= 0 else 0


def _table(shown: Sequence[Packet], *, start: float, duration: float | None, parts: list[int]) -> TimeTable:
    times = [packet.seconds - start for packet in shown]
    return TimeTable(
        times=times,
        duration=duration_seconds(times) if duration is None else duration,
        stamps=[packet.seconds for packet in shown],
        keys=[index for index, packet in enumerate(shown) if packet.is_key],
        parts=parts,
    )
