"""The videos that decoding is measured with, and which of their frames are wanted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import cycle, pairwise
from pathlib import Path

import av

from benchmarks.footage import encode, repeat, steady, unsteady
from benchmarks.rivals import Wanted
from generated import turn_mp4
from vidcls.sampling import sample_views

RATE, SECONDS, REPEATS = 30, 10, 60  # of footage; the long file repeats it
FRAMES, CLIP_SECONDS = 16, 64 / 30
CLIPS = 8  # real AVIs


@dataclass(frozen=True, kw_only=True)
class Row:
    """Files that are read one after the other, and the frames to read of each."""

    name: str
    files: list[tuple[Path, Wanted]]


def wanted(times: list[Fraction], *, views: int, variable: bool) -> Wanted:
    """What the sampling rule takes of frames at `times`."""
    seconds = [float(moment) for moment in times]
    sampled = sample_views(seconds, frames=FRAMES, clip_seconds=CLIP_SECONDS, views=views)
    numbers = [list(view.indices) for view in sampled]
    return Wanted(
        numbers=numbers,
        times=[[seconds[number] for number in window] for window in numbers],
        by="time" if variable else "number",
    )


def rows_of_size(folder: Path, *, width: int, height: int) -> list[Row]:
    """A short video, one view; and a long one, five views."""
    times = steady(seconds=SECONDS, rate=RATE)
    short = encode(folder / f"short-{height}.mp4", times, width=width, height=height, rate=RATE)
    long = repeat(short, folder / f"long-{height}.mp4", times=REPEATS)
    one = wanted(times, views=1, variable=False)
    five = wanted(steady(seconds=SECONDS * REPEATS, rate=RATE), views=5, variable=False)
    return [
        Row(name=f"{width}x{height}, 1 of {SECONDS} s", files=[(short, one)]),
        Row(name=f"{width}x{height}, 5 of {SECONDS * REPEATS} s", files=[(long, five)]),
    ]


def avi_rows(folder: Path) -> list[Row]:
    """Clips of UCF101, every other one with B-frames; without them one of that kind."""
    if data := os.environ.get("VIDCLS_TEST_DATA"):
        clips = real_avis(Path(data) / "ucf8" / "test")
        name = f"UCF101 AVI, {len(clips)} clips"
    else:
        path, times = folder / "b-frames.avi", steady(seconds=7, rate=25)
        options = {"b": "800k"}
        clips = [encode(path, times, width=320, height=240, rate=25, codec="mpeg4", options=options, b_frames=1)]
        name = "AVI with B-frames, 7 s"
    return [Row(name=name, files=[(clip, wanted_of_avi(clip)) for clip in clips])]


def real_avis(folder: Path) -> list[Path]:
    """One clip of each label, with and without B-frames in turn."""
    found = []
    for label, reordered in zip(sorted(folder.iterdir())[:CLIPS], cycle([True, False]), strict=False):
        clips = sorted(label.glob("*.avi"))
        found.append(next((clip for clip in clips if has_b_frames(clip) == reordered), clips[0]))
    return found


def has_b_frames(path: Path) -> bool:
    """Whether frames are stored in another order than they are shown in."""
    with av.open(str(path)) as container:
        return bool(container.streams.video[0].codec_context.has_b_frames)


def wanted_of_avi(path: Path) -> Wanted:
    """By decoding all of it; B-frames permute an AVI's times, so these are counted by the rate."""
    with av.open(str(path)) as container:
        rate = Fraction(container.streams.video[0].average_rate or RATE)
        times = [Fraction((frame.pts or 0) * (frame.time_base or 0)) for frame in container.decode(video=0)]
    if any(later <= earlier for earlier, later in pairwise(times)):
        times = [Fraction(number) / rate for number in range(len(times))]
    return wanted([moment - times[0] for moment in times], views=1, variable=False)


def phone_rows(folder: Path) -> list[Row]:
    """As a telephone films upright: stored lying, to be turned, 17 Mbit/s, a key frame every second."""
    times = unsteady(seconds=SECONDS)
    path = encode(
        folder / "phone.mp4",
        times,
        width=1920,
        height=1080,
        rate=RATE,
        clock=90_000,
        options={"preset": "veryfast", "b": "17M"},
        b_frames=0,
        key_frames=RATE,
    )
    turned = turn_mp4(path, degrees=90)
    return [Row(name="phone 1080x1920, 1 of 10 s", files=[(turned, wanted(times, views=1, variable=True))])]


VIDEOS: dict[str, Callable[[Path], list[Row]]] = {
    "240p": partial(rows_of_size, width=320, height=240),
    "1080p": partial(rows_of_size, width=1920, height=1080),
    "avi": avi_rows,
    "phone": phone_rows,
}
