"""A file's packets -> when its frames are shown, and from where to decode the wanted ones. No I/O.

Packets are what a container holds: compressed frames, in the order they are decoded in. Their times can be
read a thousand times faster than frames can be decoded, so they say beforehand which frames a view is
made of. They are a prediction: `vidcls.video.frames` compares it with every frame that is decoded.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from vidcls.sampling import duration_seconds, presentation_times

# A packet is shown at most 16 frames after it is decoded (H.264 and HEVC allow no more), so once 32 in a row
# lie beyond a time, none before it is missing.
REORDERED_PACKETS = 32
# One time reckoned in two ways, in floats. The finest clock in use ticks every 11 us (90 kHz).
PTS_TOLERANCE_SECONDS = 2e-6


class Packet(NamedTuple):
    """One compressed frame: its time in seconds of the container's clock, and whether decoding can begin there."""

    pts_seconds: float
    is_key_frame: bool


@dataclass(frozen=True, kw_only=True)
class FrameIndex:
    """The frames of a video, or those parts of it that matter, in the order they are shown.

    times: seconds after the video's first frame, increasing.
    duration: seconds, of the whole video.
    pts_seconds: the same frames' times by the container's clock; None where that clock cannot be used, and then
        the only way to a frame is to decode all before it.
    keys: indices at which decoding can begin.
    parts: the index that each part begins with. Between parts, frames are missing from the index.
    """

    times: list[float]
    duration: float
    pts_seconds: list[float] | None
    key_frames: list[int]
    parts: list[int]

    def part_end(self, index: int) -> int:
        """The index after the last of the part that holds frame `index`."""
        following = bisect_right(self.parts, index)
        return self.parts[following] if following < len(self.parts) else len(self.times)


@dataclass(frozen=True, kw_only=True)
class DecodeRange:
    """Frames first..last, to be decoded one after the other from the key frame before them."""

    first: int
    last: int


def full_index(
    packets: Sequence[Packet], *, first_frames: Sequence[float], has_pts: bool, average_rate: float
) -> FrameIndex:
    """The frame index of a video all of whose packets are known.

    Args:
        packets: in file order.
        first_frames: pts of the first one or more frames that were decoded. Packets before the first of them cannot
            be decoded, or are cut off by the container's edit list.
        has_pts: whether the container says when packets are shown. Where it does not, as in AVI, the decoder may
            make the times of B-frames up, and the first frames show it.
        average_rate: frames per second, for where times do not count.
    """
    pts_seconds = sorted(packet.pts_seconds for packet in packets)
    start = find_pts(pts_seconds, first_frames[0]) if _are_ordered(packets) else None
    is_clock = start is not None and all(earlier < later for earlier, later in pairwise([*first_frames, math.inf]))
    if is_clock and not has_pts:  # packets left out for another reason than an edit list: another clock
        is_clock = all(pts < 0 for pts in pts_seconds[:start])
    if not is_clock:
        times = presentation_times([None] * len(packets), average_rate=average_rate)
        return FrameIndex(times=times, duration=duration_seconds(times), pts_seconds=None, key_frames=[], parts=[0])
    return _frame_index(sorted(packets)[start:], start=first_frames[0], duration=None, parts=[0])


def partial_index(stretches: Iterable[Sequence[Packet]], *, first_pts: float, duration: float) -> FrameIndex:
    """The frame index of some stretches of a long video.

    Args:
        stretches: each complete from its first packet's time on; they may overlap.
        first_pts: of the video's first frame.
        duration: seconds, of the whole video.
    """
    shown: list[Packet] = []
    parts = []
    for stretch in sorted(sorted(stretch) for stretch in stretches):
        if not shown or stretch[0].pts_seconds > shown[-1].pts_seconds:
            parts.append(len(shown))
            shown += stretch
        else:
            shown += [packet for packet in stretch if packet.pts_seconds > shown[-1].pts_seconds]
    return _frame_index(shown, start=first_pts, duration=duration, parts=parts)


def decoded_index(pts_seconds: Sequence[float], *, average_rate: float) -> FrameIndex:
    """The frame index of a video that was decoded from beginning to end: what counts, whatever the packets said."""
    # The first is at 0, also where neither a rate nor a clock says when the others are.
    times = [0.0, *presentation_times(pts_seconds, average_rate=average_rate)[1:]]
    return FrameIndex(times=times, duration=duration_seconds(times), pts_seconds=None, key_frames=[], parts=[0])


def has_gaps(packets: Sequence[Packet]) -> bool:
    """Whether packets are not decoded at one rate, as where frames were dropped."""
    steps = [later.pts_seconds - earlier.pts_seconds for earlier, later in pairwise(packets)]
    return bool(steps) and max(steps) > min(steps) + PTS_TOLERANCE_SECONDS


def find_pts(pts_seconds: Sequence[float], pts: float) -> int | None:
    """The index of `pts` among increasing `pts_seconds`; None if it is not there."""
    index = bisect_left(pts_seconds, pts - PTS_TOLERANCE_SECONDS)
    return index if index < len(pts_seconds) and same_pts(pts_seconds[index], pts) else None


def same_pts(one: float, other: float) -> bool:
    """Whether two times are one frame's."""
    return abs(one - other) <= PTS_TOLERANCE_SECONDS


def plan_ranges(
    frame_index: FrameIndex, spans: Sequence[tuple[int, int]], *, seek_frames: int
) -> list[DecodeRange] | None:
    """How to decode the frames first..last of each span by seeking.

    Args:
        frame_index: which frames there are.
        spans: first and last frame of each.
        seek_frames: what it costs to start decoding elsewhere, in frames.

    Returns:
        The ranges, in order, or one of all frames where that is cheaper; None where the frames can only be counted
        from the beginning on.
    """
    if frame_index.pts_seconds is None:
        return None
    last = len(frame_index.times) - 1
    ranges: list[DecodeRange] = []
    for start, end in sorted(spans):
        lead_in = start - _key_before(frame_index, start) + seek_frames
        if ranges and frame_index.part_end(ranges[-1].last) > start and start - ranges[-1].last <= lead_in:
            ranges[-1] = DecodeRange(first=ranges[-1].first, last=max(end, ranges[-1].last))
        else:
            ranges.append(DecodeRange(first=start, last=end))
    cost = sum(decoded.last - _key_before(frame_index, decoded.first) + seek_frames for decoded in ranges)
    is_cheaper = len(frame_index.parts) > 1 or cost < len(frame_index.times)
    return ranges if is_cheaper else [DecodeRange(first=0, last=last)]


def _key_before(frame_index: FrameIndex, index: int) -> int:
    found = bisect_right(frame_index.key_frames, index) - 1
    return frame_index.key_frames[found] if found >= 0 else 0


def _frame_index(shown: Sequence[Packet], *, start: float, duration: float | None, parts: list[int]) -> FrameIndex:
    times = [packet.pts_seconds - start for packet in shown]
    return FrameIndex(
        times=times,
        duration=duration_seconds(times) if duration is None else duration,
        pts_seconds=[packet.pts_seconds for packet in shown],
        key_frames=[index for index, packet in enumerate(shown) if packet.is_key_frame],
        parts=parts,
    )


def _are_ordered(packets: Sequence[Packet]) -> bool:
    """Whether times go on through the file, but for frames that are shown a little after they are decoded.

    They do not where the clock begins anew midway, as in recordings that were joined, where packets have no times,
    and where two are shown at once.
    """
    if any(math.isnan(packet.pts_seconds) for packet in packets):
        return False
    shown = sorted((packet.pts_seconds, number) for number, packet in enumerate(packets))
    is_near = all(abs(number - place) <= REORDERED_PACKETS for place, (_, number) in enumerate(shown))
    return is_near and all(earlier < later for (earlier, _), (later, _) in pairwise(shown))
