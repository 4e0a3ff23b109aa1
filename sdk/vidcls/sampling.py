"""Which frames a model looks at: timestamps -> windows in seconds -> frame indices. No I/O.

Frames are numbered in the order the decoder hands them out. Windows are counted in seconds, not in
frames, so that a 15 fps camera and a 60 fps phone show the model the same stretch of motion.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# Matroska stores times in whole milliseconds, so a frame that starts with the window may have a pts
# up to 1 ms before it. Both ends of a window are shifted by that much.
CLOCK_SECONDS = 0.001
# Times and bounds that are equal as fractions differ by less than this in floats, up to a day; clocks tick far slower.
ROUNDING_SECONDS = 1e-9


@dataclass(frozen=True, kw_only=True)
class View:
    """One view of a video: a window [start, end] in seconds and the frame indices taken from it."""

    start_seconds: float
    end_seconds: float
    indices: tuple[int, ...]


def presentation_times(pts_seconds: Sequence[float | None], *, average_rate: float) -> list[float]:
    """Seconds after the first frame, for every frame in decoder order.

    Args:
        pts_seconds: the container's time of each frame in seconds, None where it has none.
        average_rate: frames per second, for containers whose clock cannot be used.

    Stamps count only if all are there and strictly increasing; some decoders hand out frames of
    B-frame AVIs in the right order under permuted times, so the order of frames is trusted and the
    times are not. Frame i is then at i / average_rate.
    """
    known = [pts for pts in pts_seconds if pts is not None]
    increasing = all(earlier < later for earlier, later in pairwise(known))
    if len(known) == len(pts_seconds) and increasing:
        return [pts - known[0] for pts in known]
    return [index / average_rate for index in range(len(pts_seconds))]


def duration_seconds(times: Sequence[float]) -> float:
    """Length of a video: its last frame is taken to last as long as the others do on average."""
    if len(times) < 2:
        return 0.0
    return times[-1] + times[-1] / (len(times) - 1)


def window_starts(*, duration: float, clip_seconds: float, views: int) -> list[float]:
    """Where each of `views` windows starts, in seconds: spread evenly, one view in the middle."""
    slack = max(0.0, duration - clip_seconds)
    if views == 1:
        return [slack / 2]
    return [slack * k / (views - 1) for k in range(views)]


def frames_in_window(times: Sequence[float], *, start: float, clip_seconds: float) -> range:
    """Indices of the frames with start - 1 ms <= time < start + clip_seconds - 1 ms.

    If there are none (a gap in the video), the last frame before `start`: what a viewer would see.
    """
    first = bisect_left(times, start - CLOCK_SECONDS - ROUNDING_SECONDS)
    end = bisect_left(times, start + clip_seconds - CLOCK_SECONDS - ROUNDING_SECONDS)
    if first < end:
        return range(first, end)
    return range(max(first - 1, 0), max(first, 1))


def stretch_frames(times: Sequence[float], stretch: tuple[float, float] | None) -> range:
    """Indices of the frames that are shown from `stretch[0]` to `stretch[1]`, in seconds; of all where it is None."""
    if stretch is None:
        return range(len(times))
    return frames_in_window(times, start=stretch[0], clip_seconds=stretch[1] - stretch[0])


def uniform_indices(available: int, *, frames: int) -> list[int]:
    """`frames` indices spread evenly over range(available), first and last included.

    floor(j * (available - 1) / (frames - 1)), in integers: the floats of a linspace round some of
    them down. Fewer frames than asked for are used whole, repeated evenly.
    """
    if frames == 1:
        return [0]
    return [j * (available - 1) // (frames - 1) for j in range(frames)]


def sample_views(
    times: Sequence[float], *, frames: int, clip_seconds: float, views: int, duration: float | None = None
) -> list[View]:
    """The views of a video: `views` windows of `clip_seconds`, `frames` frame indices in each.

    Args:
        times: seconds after the first frame of every frame, increasing; at least one.
        frames: frames per view.
        clip_seconds: length of a window.
        views: number of windows, at least 1.
        duration: length of the video in seconds, where `times` are those of parts of it only.
    """
    if duration is None:
        duration = duration_seconds(times)
    starts = window_starts(duration=duration, clip_seconds=clip_seconds, views=views)
    return [_view(times, frames=frames, start=start, clip_seconds=clip_seconds) for start in starts]


def sample_stretch(
    times: Sequence[float], stretch: tuple[float, float], *, frames: int, clip_seconds: float, views: int
) -> list[View]:
    """The views of a stretch of a video: those of a file that was cut there.

    Windows are in seconds after the stretch's first frame; indices are the video's.
    """
    inside = stretch_frames(times, stretch)
    first = inside.start
    own = [times[index] - times[first] for index in inside]
    return [
        View(
            start_seconds=view.start_seconds,
            end_seconds=view.end_seconds,
            indices=tuple(first + index for index in view.indices),
        )
        for view in sample_views(own, frames=frames, clip_seconds=clip_seconds, views=views)
    ]


def _view(times: Sequence[float], *, frames: int, start: float, clip_seconds: float) -> View:
    window = frames_in_window(times, start=start, clip_seconds=clip_seconds)
    picked = tuple(window[index] for index in uniform_indices(len(window), frames=frames))
    return View(start_seconds=start, end_seconds=start + clip_seconds, indices=picked)
