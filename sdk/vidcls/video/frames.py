"""An open video and the frames wanted of it -> those frames, by the shortest way that is proven to be right.

The packets predict when frames are shown. Whatever is decoded is held against that, frame by frame, and
so is the end of the video. Where anything differs, the video is decoded from beginning to end, and what
came out counts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from vidcls.errors import VideoError
from vidcls.sampling import CLOCK_SECONDS, window_starts
from vidcls.video.frame_index import (
    Packet,
    Run,
    TimeTable,
    decoded_table,
    partial_table,
    plan_runs,
    same_stamp,
    whole_table,
)
from vidcls.video.protocol import Frame, Video

# A video of more frames than this (100 s at 30 a second) is known only in parts: reading the time of every packet
# would take longer than decoding the views.
WHOLE_TABLE_FRAMES = 3000
# Less than this share of what the container states is a header with stray frames, not a video.
MIN_DECODED_SHARE = 0.02

DIFFERS = "it is damaged: other frames come out each time it is decoded; remux or re-encode it"


class MispredictedError(Exception):
    """The frames do not come as the time table says; `table` is the one to go on with."""

    def __init__(self, table: TimeTable) -> None:
        super().__init__("the frames do not come as the packets say")
        self.table = table


def predict_table(video: Video, *, clip_seconds: float, views: int) -> TimeTable:
    """When the frames of a video are shown, as its packets say.

    Of a long video only the parts that `views` windows of `clip_seconds` lie in, and its end.
    """
    first_stamp = video.peek()
    assert first_stamp is not None  # noqa: S101 - `open_video` has seen a frame
    if (video.stated_frames or 0) > WHOLE_TABLE_FRAMES:
        table = _predict_parts(video, first_stamp=first_stamp, clip_seconds=clip_seconds, views=views)
        if table is not None:
            return table
    rate = video.average_rate or math.nan
    table = whole_table(video.packets(), first_stamp=first_stamp, average_rate=rate)
    return table if all(map(math.isfinite, table.times)) and table.times else scan(video)


def scan(video: Video) -> TimeTable:
    """When the frames of a video are shown, found by decoding all of them."""
    video.restart()
    stamps = []
    while (stamp := video.grab()) is not None:
        stamps.append(stamp)
    return checked_table(video, stamps)


def checked_table(video: Video, stamps: Sequence[float]) -> TimeTable:
    """The table of a video that was decoded from beginning to end.

    Args:
        stamps: of all its frames, in seconds of the container's clock, in decoder order.

    Raises:
        VideoError: not one frame was decoded, or neither stamps nor an average rate tell when they are shown.
    """
    if not stamps:  # opening it had found one
        raise VideoError(video.name, DIFFERS)
    rate = video.average_rate or math.nan
    table = decoded_table(stamps, average_rate=rate)
    if not all(math.isfinite(time) for time in table.times[1:]):
        raise VideoError(video.name, "the file gives neither frame times nor a frame rate; remux it first")
    return table


def read_frames(
    video: Video, table: TimeTable, wanted: Sequence[int], *, spans: Sequence[tuple[int, int]]
) -> Iterator[Frame]:
    """The frames numbered `wanted` (increasing) in `table`, one after the other.

    Args:
        spans: (first, last) of the frames of each view, which are decoded without leaving one out.

    Raises:
        MispredictedError: after some or all frames; those that came may be others than `table` says.
        VideoError: a frame cannot be decoded.
    """
    runs = plan_runs(table, spans)
    if runs is None:
        yield from _read_through(video, table, frozenset(wanted))
        return
    for run in runs:
        yield from _read_run(video, table, run, frozenset(wanted))


def decoded_share(video: Video, table: TimeTable) -> float | None:
    """How much of the length that the container states could be decoded, 0 to 1; None if it states none.

    Raises:
        VideoError: less than MIN_DECODED_SHARE.
    """
    if video.stated_frames is None or video.average_rate is None:
        return None
    stated_seconds = video.stated_frames / video.average_rate
    share = min(1.0, max(table.duration, 1 / video.average_rate) / stated_seconds)
    if share < MIN_DECODED_SHARE:
        raise VideoError(
            video.name,
            f"only {table.duration:.2f} s of the {stated_seconds:.2f} s that it states can be decoded; "
            "check that the file is complete",
        )
    return share


def _read_through(video: Video, table: TimeTable, wanted: Collection[int]) -> Iterator[Frame]:
    video.restart()
    stamps: list[float] = []
    while (stamp := video.grab()) is not None:
        if len(stamps) in wanted:
            yield video.retrieve()
        stamps.append(stamp)
    found = checked_table(video, stamps)
    if len(found.times) != len(table.times) or not all(map(same_stamp, found.times, table.times)):
        raise MispredictedError(found)


def _read_run(video: Video, table: TimeTable, run: Run, wanted: Collection[int]) -> Iterator[Frame]:
    stamps = table.stamps
    assert stamps is not None  # noqa: S101 - without stamps there are no runs
    if not _go_to(video, stamps[run.first]):
        raise MispredictedError(scan(video))
    for index in range(run.first, run.last + 1):
        stamp = video.grab()
        if stamp is None or not same_stamp(stamp, stamps[index]):
            raise MispredictedError(scan(video))
        if index in wanted:
            yield video.retrieve()
    if run.last == len(stamps) - 1 and video.grab() is not None:
        raise MispredictedError(scan(video))


def _go_to(video: Video, stamp: float) -> bool:
    """Whether the next frame is now the one stamped `stamp`."""
    try:
        video.seek(stamp)
    except VideoError:
        return False
    while (found := video.peek()) is not None and found < stamp and not same_stamp(found, stamp):
        video.grab()
    return found is not None and same_stamp(found, stamp)


def _predict_parts(video: Video, *, first_stamp: float, clip_seconds: float, views: int) -> TimeTable | None:
    """The parts of a long video that matter; None where its container does not let one enter it there."""
    if video.stated_frames is None or video.average_rate is None or not math.isfinite(first_stamp):
        return None
    stated_seconds = video.stated_frames / video.average_rate
    end = _complete(video.packets(start=first_stamp + max(0.0, stated_seconds - clip_seconds)))
    if not end:
        return None
    last = end[-1].seconds - first_stamp
    # The number of frames, by the average rate, where counting them would mean reading the file: it only says how
    # long the last one lasts.
    frames = round(last * video.average_rate) + 1
    if frames < 2:
        return None
    duration = last + last / (frames - 1)
    stretches = [end]
    for window in window_starts(duration=duration, clip_seconds=clip_seconds, views=views):
        start, stop = first_stamp + window, first_stamp + window + clip_seconds
        stretch = _complete(video.packets(start=start - CLOCK_SECONDS, end=stop), end=stop)
        if not stretch:
            return None
        stretches.append(stretch)
    return partial_table(stretches, first_stamp=first_stamp, duration=duration)


def _complete(packets: Sequence[Packet], *, end: float = math.inf) -> list[Packet]:
    """Those from the key frame that comes first to `end`, in the order they are shown: of others some may be missing.

    None of them if two have the same time, by which they could not be told apart.
    """
    shown = sorted(packet for packet in packets if packets[0].seconds <= packet.seconds <= end)
    return shown if all(one.seconds < other.seconds for one, other in pairwise(shown)) else []
