"""A file's packets -> when its frames are shown, and from where to decode the wanted ones. No I/O.

Packets are what a container holds: compressed frames, in the order they are decoded in. Their times can be
read a thousand times faster than frames can be decoded, so they say beforehand which frames a view is
made of. They are a prediction: `vidcls.video.frames` compares it with every frame that is decoded.
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


def full_index(packets: Sequence[Packet], *, first_pts: float, average_rate: float) -> FrameIndex:
    """The frame index of a video all of whose packets are known.

    Args:
        packets: in any order.
        first_pts: of the first frame that was decoded. Packets before it are cut off by the container's
            edit list, which gives them negative times; if any has another, the decoder's clock is not the
            container's, as in B-frame AVIs.
        average_rate: frames per second, for those.
    """
    shown = sorted(packets)
    pts_seconds = [packet.pts_seconds for packet in shown]
    start = find_pts(pts_seconds, first_pts)
    is_clock = start is not None and all(pts < 0 for pts in pts_seconds[:start])
    if not is_clock or any(earlier >= later for earlier, later in pairwise(pts_seconds)):
        times = presentation_times([None] * len(packets), average_rate=average_rate)
        return FrameIndex(times=times, duration=duration_seconds(times), pts_seconds=None, key_frames=[], parts=[0])
    return _frame_index(shown[start:], start=first_pts, duration=None, parts=[0])


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


def find_pts(pts_seconds: Sequence[float], pts: float) -> int | None:
    """The index of `pts` among increasing `pts_seconds`; None if it is not there."""
    index = bisect_left(pts_seconds, pts - PTS_TOLERANCE_SECONDS)
    return index if index < len(pts_seconds) and same_pts(pts_seconds[index], pts) else None


def same_pts(one: float, other: float) -> bool:
    """Whether two times are one frame's."""
    return abs(one - other) <= PTS_TOLERANCE_SECONDS


def plan_ranges(frame_index: FrameIndex, spans: Sequence[tuple[int, int]]) -> list[DecodeRange] | None:
    """How to decode the frames first..last of each span by seeking, then the last frame of the video.

    All frames of a span are decoded, wanted or not: what comes out between them says that they are the right ones.
    The last run looks whether the video ends where the index says. None if decoding everything is cheaper.
    """
    if frame_index.pts_seconds is None:
        return None
    last = len(frame_index.times) - 1
    ranges: list[DecodeRange] = []
    for start, end in [*sorted(spans), (last, last)]:
        lead_in = start - _key_before(frame_index, start) + SEEK_FRAMES
        if ranges and frame_index.part_end(ranges[-1].last) > start and start - ranges[-1].last <= lead_in:
            ranges[-1] = DecodeRange(first=ranges[-1].first, last=max(end, ranges[-1].last))
        else:
            ranges.append(DecodeRange(first=start, last=end))
    cost = sum(decoded.last - _key_before(frame_index, decoded.first) + SEEK_FRAMES for decoded in ranges)
    return ranges if len(frame_index.parts) > 1 or cost < len(frame_index.times) else None


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
