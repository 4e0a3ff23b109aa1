"""The sampling rule of the design, against cases worked out by hand and against a second implementation."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from vidcls.sampling import (
    duration_seconds,
    frames_in_window,
    presentation_times,
    sample_views,
    uniform_indices,
    window_starts,
)

# Two ways to order the same float operations differ in the last bits; a frame lasts a thousand times longer.
SECONDS = 1e-9


def evenly(frames: int, *, rate: float) -> list[float]:
    return [index / rate for index in range(frames)]


def test_times_are_counted_from_the_first_frame() -> None:
    assert presentation_times([5.0, 5.25, 6.0], average_rate=99) == [0.0, 0.25, 1.0]


def test_a_negative_first_stamp_counts_as_zero() -> None:
    assert presentation_times([-0.5, 0.0, 0.25], average_rate=99) == [0.0, 0.5, 0.75]


@pytest.mark.parametrize(
    "pts_seconds",
    [
        [0.08, 0.04, 0.16, 0.12],  # permuted, as PyAV pts_seconds the frames of a B-frame AVI
        [0.04, 0.08, 0.12, 0.0],  # late by one and zero on the last, as OpenCV does
        [0.0, 0.04, 0.04, 0.08],  # equal
        [0.0, 0.04, None, 0.12],
        [None, None, None, None],
        [0.0, 0.0, 0.0, 0.0],
    ],
)
def test_stamps_that_do_not_strictly_increase_are_replaced_by_the_average_rate(pts_seconds: list[float | None]) -> None:
    assert presentation_times(pts_seconds, average_rate=25) == [0.0, 1 / 25, 2 / 25, 3 / 25]


def test_frames_keep_the_order_of_the_decoder_whatever_their_stamps() -> None:
    times = presentation_times([0.08, 0.04, 0.0], average_rate=4)
    assert times == sorted(times)


def test_one_frame_is_at_zero() -> None:
    assert presentation_times([7.0], average_rate=25) == [0.0]
    assert presentation_times([None], average_rate=25) == [0.0]


def test_the_last_frame_lasts_as_long_as_the_others_on_average() -> None:
    assert duration_seconds([0.0, 0.25, 1.0, 1.5]) == 1.5 + 0.5
    assert duration_seconds([0.0]) == 0.0


@pytest.mark.parametrize(
    ("duration", "views", "starts"),
    [
        (10.0, 1, [4.0]),
        (10.0, 2, [0.0, 8.0]),
        (10.0, 5, [0.0, 2.0, 4.0, 6.0, 8.0]),
        (2.0, 1, [0.0]),
        (2.0, 3, [0.0, 0.0, 0.0]),
        (0.5, 1, [0.0]),
        (0.0, 3, [0.0, 0.0, 0.0]),
    ],
)
def test_views_are_spread_evenly_and_one_lies_in_the_middle(duration: float, views: int, starts: list[float]) -> None:
    assert window_starts(duration=duration, clip_seconds=2.0, views=views) == starts


@pytest.mark.parametrize("start_frame", range(0, 20, 3))
def test_a_window_of_0_8_seconds_at_25_fps_holds_20_frames(start_frame: int) -> None:
    window = frames_in_window(evenly(50, rate=25), start=start_frame / 25, clip_seconds=0.8)
    assert window == range(start_frame, start_frame + 20)


@pytest.mark.parametrize("rate", [24, 25, 30, 60, 30000 / 1001])
def test_a_window_that_starts_with_a_frame_holds_it_in_a_clock_of_whole_milliseconds(rate: float) -> None:
    milliseconds = [math.floor(index * 1000 / rate) / 1000 for index in range(100)]
    for first in range(0, 40, 7):
        window = frames_in_window(milliseconds, start=first / rate, clip_seconds=24 / rate)
        assert window == range(first, first + 24)


@pytest.mark.parametrize(
    ("time", "inside"),
    [(0.9985, False), (0.9995, True), (1.0, True), (1.9985, True), (1.9995, False), (2.0, False)],
)
def test_both_ends_of_a_window_are_one_millisecond_early(time: float, inside: bool) -> None:
    times = sorted([0.0, time, 1.5, 5.0])
    assert (times.index(time) in frames_in_window(times, start=1.0, clip_seconds=1.0)) is inside


def test_a_window_in_a_gap_shows_the_last_frame_before_it() -> None:
    times = [0.0, 0.1, 0.2, 5.0, 5.1]
    assert frames_in_window(times, start=2.0, clip_seconds=1.0) == range(2, 3)
    (view,) = sample_views([0.0, 0.1, 0.2, 9.0], frames=3, clip_seconds=1.0, views=1)
    assert view.indices == (2, 2, 2)


def test_64_frames_give_16_with_the_first_and_the_last() -> None:
    expected = [0, 4, 8, 12, 16, 21, 25, 29, 33, 37, 42, 46, 50, 54, 58, 63]
    assert uniform_indices(64, frames=16) == expected


def test_too_few_frames_are_used_whole_and_repeated_evenly() -> None:
    assert uniform_indices(3, frames=8) == [0, 0, 0, 0, 1, 1, 1, 2]
    assert uniform_indices(1, frames=4) == [0, 0, 0, 0]


def test_indices_are_the_exact_floor() -> None:
    floats_fail = 0
    for available in range(1, 120):
        for frames in range(2, 33):
            exact = [math.floor(Fraction(j * (available - 1), frames - 1)) for j in range(frames)]
            assert uniform_indices(available, frames=frames) == exact
            floats_fail += exact != np.linspace(0, available - 1, frames).astype(int).tolist()
    assert floats_fail > 0  # else this test would not tell the integers from a linspace


def test_a_view_reports_its_window_and_frames() -> None:
    (view,) = sample_views(evenly(100, rate=25), frames=5, clip_seconds=0.8, views=1)
    # 4 s long: the window is [1.6, 2.4), frames 40 to 59.
    assert (view.start_seconds, view.end_seconds) == pytest.approx((1.6, 2.4), abs=SECONDS)
    assert view.indices == (40, 44, 49, 54, 59)


def test_a_video_shorter_than_the_window_is_used_whole() -> None:
    (view,) = sample_views(evenly(3, rate=25), frames=8, clip_seconds=0.8, views=1)
    assert (view.start_seconds, view.end_seconds) == (0.0, 0.8)
    assert view.indices == (0, 0, 0, 0, 1, 1, 1, 2)


def exact_views(
    times: list[Fraction], *, frames: int, clip: Fraction, views: int
) -> tuple[list[tuple[Fraction, list[int]]], Fraction]:
    """The design's rule by brute force: (start, indices) of each view, and how close a frame came to an edge."""
    duration = times[-1] + times[-1] / (len(times) - 1) if len(times) > 1 else Fraction(0)
    slack = max(Fraction(0), duration - clip)
    millisecond = Fraction(1, 1000)
    sampled, closest = [], Fraction(1)
    for k in range(views):
        start = slack / 2 if views == 1 else slack * k / (views - 1)
        low, high = start - millisecond, start + clip - millisecond
        held = [index for index, time in enumerate(times) if low <= time < high]
        if not held:
            held = [max(index for index, time in enumerate(times) if time < start)]
        picked = [held[math.floor(Fraction(j * (len(held) - 1), frames - 1))] for j in range(frames)]
        sampled.append((start, picked))
        closest = min([closest, *(abs(time - edge) for time in times for edge in (low, high))])
    return sampled, closest


def one_of(rng: np.random.Generator, *options: Any) -> Any:
    return options[rng.integers(len(options))]


def random_times(rng: np.random.Generator, kind: str, count: int) -> list[Fraction]:
    if kind == "constant":
        rate = one_of(rng, Fraction(10), Fraction(15), Fraction(25), Fraction(30000, 1001), Fraction(60))
        return [index / rate for index in range(count)]
    if kind == "matroska":
        rate = one_of(rng, 24, 25, 30, 50)
        return [Fraction(round(Fraction(index * 1000, rate)), 1000) for index in range(count)]
    milliseconds = rng.integers(1, 400 if kind == "gaps" else 80, size=count - 1).cumsum()
    return [Fraction(0), *(Fraction(int(pts), 1000) for pts in milliseconds)]


@pytest.mark.parametrize("kind", ["constant", "matroska", "variable", "gaps"])
def test_random_videos_are_sampled_as_by_a_second_implementation_in_exact_fractions(kind: str) -> None:
    rng = np.random.default_rng(0)
    compared = 0
    for _ in range(100):
        times = random_times(rng, kind, one_of(rng, 1, 2, 3, 10, 64, 100))
        frames, views = one_of(rng, 2, 4, 8, 16), one_of(rng, 1, 2, 3, 5)
        clip = one_of(rng, Fraction(64, 30), Fraction(4, 5), Fraction(1, 5), Fraction(1))
        expected, closest = exact_views(times, frames=frames, clip=clip, views=views)
        if closest < SECONDS:
            continue  # a frame exactly on an edge: floats may put it on either side
        compared += 1
        sampled = sample_views([float(time) for time in times], frames=frames, clip_seconds=float(clip), views=views)
        for view, (start, indices) in zip(sampled, expected, strict=True):
            assert view.start_seconds == pytest.approx(float(start), abs=SECONDS)
            assert view.end_seconds == pytest.approx(float(start + clip), abs=SECONDS)
            assert list(view.indices) == indices
    assert compared > 80


def test_a_frame_exactly_on_the_bound_is_in_the_window_as_it_is_in_fractions() -> None:
    # 72 frames of 29.97 a second: the last of two windows of 1 s starts at 1.4024 s, and frame 42 is at 1.4014 s.
    times = [number * 1001 / 30000 for number in range(72)]
    for views in range(2, 40):
        for k, view in enumerate(sample_views(times, frames=4, clip_seconds=1.0, views=views)):
            start = (Fraction(72 * 1001, 30000) - 1) * Fraction(k, views - 1)
            bounds = start - Fraction(1, 1000), start + Fraction(999, 1000)
            inside = [n for n in range(72) if bounds[0] <= Fraction(n * 1001, 30000) < bounds[1]]
            assert (view.indices[0], view.indices[-1]) == (inside[0], inside[-1])
