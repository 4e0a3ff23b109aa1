"""An open video and the frames wanted of it -> those frames, by the shortest way that is proven to be right.

The packets predict when frames are shown. Whatever is decoded is compared with that, frame by frame, and
so is the end of the video. Where anything differs, the video is decoded from beginning to end, and what
came out counts.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from vidcls.errors import VideoError
from vidcls.sampling import CLOCK_SECONDS, window_starts
from vidcls.video.frame_index import (
    DecodeRange,
    FrameIndex,
    Packet,
    decoded_index,
    full_index,
    has_gaps,
    partial_index,
    plan_ranges,
    same_pts,
)
from vidcls.video.protocol import Picture, Video

# A video of more frames than this (100 s at 30 a second) is known only in parts: reading the time of every packet
# would take longer than decoding the views.
FULL_INDEX_FRAMES = 3000

# By how much the length by counting may differ from the clock's without a word.
COUNTED_SHARE = 0.02

_logger = logging.getLogger("vidcls")

NO_FRAME = "no frame can be decoded; check that the file plays and is complete"
DIFFERS = "it is damaged: other frames come out each time it is decoded; remux or re-encode it"


class MispredictedError(Exception):
    """The frames do not come as the frame index says; `frame_index` is the one to go on with."""

    def __init__(self, frame_index: FrameIndex) -> None:
        super().__init__("the frames do not come as the packets say")
        self.frame_index = frame_index


def predict_views_index(video: Video, *, clip_seconds: float, views: int) -> FrameIndex:
    """When the frames of a video are shown, as its packets say.

    Of a long video only the parts that `views` windows of `clip_seconds` lie in, and its end.
    """
    if (video.stated_seconds or 0.0) * (video.average_rate or 0.0) > FULL_INDEX_FRAMES:
        frame_index = _predict_parts(video, clip_seconds=clip_seconds, views=views)
        if frame_index is not None:
            return frame_index
    return predict_index(video)


def predict_index(video: Video) -> FrameIndex:
    """When the frames of a video are shown, as all its packets say."""
    first_frames = video.peek_ahead() if not video.has_pts else [video.first_pts]
    rate = video.average_rate or math.nan
    packets = video.packets()
    frame_index = full_index(packets, first_frames=first_frames, has_pts=video.has_pts, average_rate=rate)
    if frame_index.pts_seconds is None and len(first_frames) == 1 and has_gaps(packets):
        frame_index = scan(video)  # only when all are decoded it shows whether their times count
    if frame_index.pts_seconds is None and frame_index.times:  # a file may lose all its packets once it is open
        _warn_of_counting(video, packets, frame_index)
    return frame_index if all(map(math.isfinite, frame_index.times)) and frame_index.times else scan(video)


def _warn_of_counting(video: Video, packets: Sequence[Packet], frame_index: FrameIndex) -> None:
    """Say so where frames are counted at the average rate, and that makes another length than the container's clock."""
    shown = [packet.pts_seconds for packet in packets if math.isfinite(packet.pts_seconds)]
    clock = max(shown, default=0.0) - min(shown, default=0.0)
    counted = frame_index.times[-1]
    if shown and abs(clock - counted) > COUNTED_SHARE * max(clock, counted) + 1 / (video.average_rate or 1.0):
        _logger.warning(
            "%s: its container's times are out of order, so frames are counted at %.3g a second, which makes %.2f s "
            "of the %.2f s that the clock runs; remux it with times to have it read by those",
            video.name,
            video.average_rate or math.nan,
            counted,
            clock,
        )


def scan(video: Video) -> FrameIndex:
    """When the frames of a video are shown, found by decoding all of them."""
    video.need(None)
    video.restart()
    pts_seconds = []
    while (pts := video.grab()) is not None:
        pts_seconds.append(pts)
    return checked_index(video, pts_seconds)


def checked_index(video: Video, pts_seconds: Sequence[float]) -> FrameIndex:
    """The frame index of a video that was decoded from beginning to end.

    Args:
        video: which.
        pts_seconds: of all its frames, by the container's clock, in decoder order.

    Raises:
        VideoError: not one frame was decoded, or neither these times nor an average rate say when they are shown.
    """
    if not pts_seconds:
        raise VideoError(video.name, NO_FRAME)
    rate = video.average_rate or math.nan
    frame_index = decoded_index(pts_seconds, average_rate=rate)
    if not all(math.isfinite(time) for time in frame_index.times[1:]):
        raise VideoError(video.name, "the file gives neither frame times nor a frame rate; remux it first")
    return frame_index


def read_frames(
    video: Video, frame_index: FrameIndex, wanted: Sequence[int], *, spans: Sequence[tuple[int, int]]
) -> Iterator[Picture]:
    """The frames numbered `wanted` (increasing) in `frame_index`, one after the other.

    Args:
        video: which.
        frame_index: what its packets say, or what decoding it has shown.
        wanted: numbers of frames.
        spans: (first, last) of the frames of each view.

    Raises:
        MispredictedError: after some or all frames; those that came may be others than `frame_index` says.
        VideoError: a frame cannot be decoded.
    """
    last = len(frame_index.times) - 1
    # Else the last frame shows whether the video ends where the index says.
    spans = spans if video.proves_end() else [*spans, (last, last)]
    ranges = plan_ranges(frame_index, spans, seek_frames=video.seek_frames)
    are_few = len(frame_index.parts) == 1 and last < FULL_INDEX_FRAMES
    if ranges is None or (are_few and not video.counts_packets):
        yield from _read_through(video, frame_index, frozenset(wanted))
        return
    needed = frozenset(wanted)
    for decoded in ranges:
        yield from _read_range(video, frame_index, decoded, needed)


def _read_through(video: Video, frame_index: FrameIndex, wanted: Collection[int]) -> Iterator[Picture]:
    video.need(None)
    video.restart()
    pts_seconds: list[float] = []
    last_wanted = max(wanted, default=-1)
    while (pts := video.grab()) is not None:
        if len(pts_seconds) in wanted:
            yield video.retrieve()
        pts_seconds.append(pts)
        if len(pts_seconds) == last_wanted + 1 and _are_counted(video, pts_seconds):
            return
    found = checked_index(video, pts_seconds)
    if len(found.times) != len(frame_index.times) or not all(map(same_pts, found.times, frame_index.times)):
        raise MispredictedError(found)


def _are_counted(video: Video, pts_seconds: Sequence[float]) -> bool:
    """Whether it is settled that frames are counted, and by the packets how many there are: no more is decoded."""
    turns_back = any(earlier >= later for earlier, later in pairwise(pts_seconds))
    return turns_back and video.counts_packets and video.proves_end()


def _read_range(
    video: Video, frame_index: FrameIndex, decoded: DecodeRange, wanted: Collection[int]
) -> Iterator[Picture]:
    pts_seconds = frame_index.pts_seconds
    assert pts_seconds is not None  # noqa: S101 - without a clock there are no ranges
    indices = range(decoded.first, decoded.last + 1)
    # The first and the last show that the decoder is where it is thought to be.
    needed = {index for index in indices if index in wanted} | {decoded.first, decoded.last}
    video.need(frozenset(pts_seconds[index] for index in needed))
    if frame_index.times[decoded.first] == 0:
        video.restart()
    elif not _seek(video, pts_seconds[decoded.first]):
        raise MispredictedError(scan(video))
    pts = video.grab()
    for index in indices:
        if pts is None or not same_pts(pts, pts_seconds[index]):
            if index in needed or not video.skips:
                raise MispredictedError(scan(video))
            continue
        if index in wanted:
            yield video.retrieve()
        pts = video.grab() if index < decoded.last else None
    if decoded.last == len(pts_seconds) - 1 and video.grab() is not None:
        raise MispredictedError(scan(video))


def _seek(video: Video, pts: float) -> bool:
    """Go to the frame with that pts; False where the next frame is another."""
    try:
        video.seek(pts)
    except VideoError:
        return False
    while (found := video.peek()) is not None and found < pts and not same_pts(found, pts):
        video.grab()
    return found is not None and same_pts(found, pts)


def _predict_parts(video: Video, *, clip_seconds: float, views: int) -> FrameIndex | None:
    """The parts of a long video that matter; None where its container does not let one enter it there."""
    first_pts = video.first_pts
    if video.stated_seconds is None or video.average_rate is None or not (video.has_pts and math.isfinite(first_pts)):
        return None
    end = _complete(video.packets(start=first_pts + max(0.0, video.stated_seconds - clip_seconds)))
    if not end:
        return None
    last = end[-1].pts_seconds - first_pts
    # The number of frames, by the average rate, where counting them would mean reading the file: it only says how
    # long the last one lasts.
    frames = round(last * video.average_rate) + 1
    if frames < 2:
        return None
    duration = last + last / (frames - 1)
    stretches = [end]
    for window in window_starts(duration=duration, clip_seconds=clip_seconds, views=views):
        start, stop = first_pts + window, first_pts + window + clip_seconds
        stretch = _complete(video.packets(start=max(first_pts, start - CLOCK_SECONDS), end=stop), end=stop)
        if not stretch:
            return None
        stretches.append(stretch)
    return partial_index(stretches, first_pts=first_pts, duration=duration)


def _complete(packets: Sequence[Packet], *, end: float = math.inf) -> list[Packet]:
    """Those from the key frame that comes first to `end`, in the order they are shown: of others some may be missing.

    None of them if two have the same time, by which they could not be distinguished.
    """
    shown = sorted(packet for packet in packets if packets[0].pts_seconds <= packet.pts_seconds <= end)
    return shown if all(one.pts_seconds < other.pts_seconds for one, other in pairwise(shown)) else []
