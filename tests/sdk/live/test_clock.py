"""When frames were filmed, from when they arrived and what the source says: no camera, no thread, no waiting."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from vidcls.live.clock import LEAST_GAP_SECONDS, Burst, FrameTime, SourceClock

WINDOW, NONE = 2.0, math.nan
# Monotonic seconds count from anywhere, and so do a source's own.
ZERO, PTS_ZERO = 1000.0, 70.0

# What float64 makes of seconds that count from thousands.
ROUNDING = 1e-6


def ticked(clock: SourceClock, frames: Iterable[tuple[float, float]]) -> list[FrameTime | None]:
    return [clock.tick(arrived, pts) for arrived, pts in frames]


def used(times: Sequence[FrameTime | None]) -> list[FrameTime]:
    return [each for each in times if each is not None]


def gaps(times: Sequence[FrameTime | None]) -> list[tuple[int, float]]:
    """Index and length of every gap."""
    return [(k, each.gap_seconds) for k, each in enumerate(times) if each is not None and each.gap_seconds is not None]


def film(*, rate: float, seconds: float, start: float = 0.0) -> np.ndarray:
    """When frames are filmed, seconds."""
    return start + np.arange(round(rate * seconds)) / rate


def in_segments(filmed: np.ndarray, *, seconds: float, decoding_seconds: float = 0.001) -> np.ndarray:
    """When frames arrive that are sent segment by segment, each once it is whole, and decoded one after another."""
    whole = (np.floor(filmed / seconds + 1e-9) + 1) * seconds
    arrived = np.empty_like(whole)
    free = -math.inf
    for k, at in enumerate(whole):
        free = max(free, at) + decoding_seconds
        arrived[k] = free
    return arrived


def check_media_times(times: Sequence[FrameTime | None], filmed: np.ndarray) -> None:
    """All frames are used, at the time at which they were filmed after the first, and nothing begins anew."""
    assert gaps(times) == []
    np.testing.assert_allclose([each.at for each in used(times)], filmed - filmed[0], atol=ROUNDING)


@pytest.mark.parametrize("segment_seconds", [1.0, 2.0, 4.0, 10.0])
@pytest.mark.parametrize("decoding_seconds", [0.001, 0.02])
def test_bursts_have_media_times(segment_seconds: float, decoding_seconds: float) -> None:
    filmed = film(rate=25, seconds=120)
    arrived = in_segments(filmed, seconds=segment_seconds, decoding_seconds=decoding_seconds)
    arrived = np.maximum(arrived, arrived[0] + 3 * segment_seconds)  # the first ones are there when it is opened
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + arrived, PTS_ZERO + filmed, strict=True))
    check_media_times(times, filmed)
    # What is known of delay when all of a burst is there: the last frame of a segment is sent as soon as it is whole.
    least = ZERO + (arrived - filmed)[len(filmed) // 2 :].min()
    assert used(times)[-1].offset == pytest.approx(least, abs=1 / 25 + ROUNDING)


def test_jitter_has_media_times_and_the_fastest_frames_offset() -> None:
    filmed, random = film(rate=15, seconds=600), np.random.default_rng(1)
    late = random.gamma(1.0, 0.1, len(filmed)).clip(0, 1.5)
    arrived = np.maximum.accumulate(filmed + late)  # in order, as TCP delivers
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + arrived, PTS_ZERO + filmed, strict=True))
    check_media_times(times, filmed)
    for k in range(1000, len(filmed), 500):
        recent = (ZERO + arrived - filmed)[k - 59 * 15 : k + 1].min()
        assert used(times)[k].offset == pytest.approx(recent, abs=0.02)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
def test_one_congestion_is_no_wrong_pace(share: float) -> None:
    """From 30 s on, for 6 s, so much of what is filmed comes through; then what waited comes at once."""
    filmed = film(rate=25, seconds=90)
    arrived = np.where((filmed >= 30) & (filmed < 36), 30 + (filmed - 30) / max(share, 1e-3), filmed)
    arrived = np.minimum(arrived, np.where(filmed < 36, 36 + 0.001 * np.arange(len(filmed)) % 1, np.inf))
    arrived = np.maximum.accumulate(arrived)
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + arrived, PTS_ZERO + filmed, strict=True))
    check_media_times(times, filmed)
    assert used(times)[-1].offset == pytest.approx(ZERO, abs=0.01)


def test_a_pts_that_jumps_ahead_begins_anew_and_the_gap_is_what_arrival_says() -> None:
    filmed = film(rate=25, seconds=20)
    pts = np.where(filmed < 10, filmed, filmed + WINDOW + 1.5)
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, pts, strict=True))
    assert gaps(times) == [(250, pytest.approx(0.04))]
    assert "jumped" in used(times)[250].why
    np.testing.assert_allclose([each.at for each in used(times)], filmed, atol=ROUNDING)
    assert used(times)[-1].offset == pytest.approx(ZERO)


def test_frames_that_were_lost_on_the_way_are_no_jump() -> None:
    filmed = np.concatenate([film(rate=25, seconds=10), film(rate=25, seconds=10, start=15)])
    check_media_times(ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, filmed, strict=True)), filmed)


def test_a_pts_that_wraps_begins_anew() -> None:
    filmed = film(rate=25, seconds=20)
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, (filmed + 7) % 17, strict=True))
    assert gaps(times) == [(250, pytest.approx(0.04))]
    np.testing.assert_allclose([each.at for each in used(times)], filmed, atol=ROUNDING)


def test_a_wrap_in_the_middle_of_a_burst_is_a_gap_too() -> None:
    filmed = film(rate=25, seconds=20)
    arrived = in_segments(filmed, seconds=4, decoding_seconds=0)
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + arrived, (filmed + 7) % 17, strict=True))
    assert gaps(times) == [(250, LEAST_GAP_SECONDS)]  # so that events end
    assert all(np.diff([each.at for each in used(times)]) > 0)


def test_a_pts_that_stands_still_from_the_start_is_arrival() -> None:
    """Raw H.264. Its first frames, which have no time of their own yet, are not used."""
    filmed = film(rate=25, seconds=20)
    times = ticked(SourceClock(window_seconds=WINDOW), ((ZERO + at, 0.0) for at in filmed))
    (last, gap), first = gaps(times)[-1], gaps(times)[0]
    assert (first[0], last, gap) == (1, 4, 0.0)
    np.testing.assert_allclose([each.at for each in used(times)[-100:]], filmed[-100:] - filmed[4], atol=ROUNDING)


def test_a_pts_that_stands_still_later_is_arrival_from_then_on() -> None:
    filmed = film(rate=25, seconds=30)
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, np.minimum(filmed, 10.0), strict=True))
    assert [k for k, each in enumerate(times) if each is None] == list(range(251, 275))
    assert gaps(times) == [(275, pytest.approx(1.0)), (276, pytest.approx(0.04)), (277, pytest.approx(0.04))]
    assert "no times" in used(times)[277 - 24].why
    np.testing.assert_allclose([each.at for each in used(times)], np.delete(filmed, range(251, 275)), atol=ROUNDING)


@pytest.mark.parametrize("rate", [0.2, 1, 25])
@pytest.mark.parametrize("goes_on", ["from there", "as filmed"])
def test_a_frame_with_the_pts_of_the_one_before_is_passed_over(rate: float, goes_on: str) -> None:
    """Now and then, of a camera that counts its frames, or reads its clock, which the next one shows."""
    filmed = film(rate=rate, seconds=300 / rate)
    is_same = np.arange(len(filmed)) % 75 == 74
    pts = np.cumsum(~is_same) / rate if goes_on == "from there" else np.where(is_same, filmed - 1 / rate, filmed)
    pts = np.where(is_same, np.roll(pts, 1), pts)  # to the last bit
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, PTS_ZERO + pts, strict=True))
    assert [k for k, each in enumerate(times) if each is None] == np.flatnonzero(is_same).tolist()
    assert gaps(times) == []
    np.testing.assert_allclose([each.at for each in used(times)], pts[~is_same] - pts[0], atol=ROUNDING)


def test_pts_that_stand_still_for_less_than_a_second_are_no_jump_and_for_longer_they_are() -> None:
    filmed = film(rate=25, seconds=30)
    for seconds, expected in ((0.9, []), (1.5, [(275, pytest.approx(1.0)), (276, pytest.approx(0.04))])):
        stands = (filmed >= 10) & (filmed < 10 + seconds)
        times = ticked(SourceClock(window_seconds=0.4), zip(ZERO + filmed, np.where(stands, 10.0, filmed), strict=True))
        assert gaps(times)[:2] == expected
        assert used(times)[-1].at == pytest.approx(filmed[-1])


def test_the_first_frame_of_rtsp_is_forgotten_where_it_is_opened_again_too() -> None:
    clock, filmed = SourceClock(window_seconds=WINDOW), film(rate=15, seconds=5)
    ticked(clock, zip(ZERO + filmed, filmed, strict=True))
    clock.reopen()
    times = ticked(clock, zip(ZERO + 10 + filmed, np.maximum(filmed, filmed[1]), strict=True))
    assert [k for k, _ in gaps(times)] == [0, 1]


def test_the_first_frame_of_rtsp_has_the_pts_of_the_second_and_is_forgotten() -> None:
    filmed = film(rate=15, seconds=20)
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, np.maximum(filmed, filmed[1]), strict=True))
    assert gaps(times) == [(1, 0.0)]
    assert [each.at for each in used(times)[1:]] == pytest.approx(filmed[1:] - filmed[1], abs=ROUNDING)


def test_without_pts_times_are_arrival_and_frames_that_waited_for_it_are_not_used() -> None:
    waited, filmed = np.arange(20) * 0.002, film(rate=10, seconds=20, start=0.1)
    times = ticked(SourceClock(window_seconds=WINDOW), ((ZERO + at, NONE) for at in [*waited, *filmed]))
    assert times[:20] == [None] * 20
    assert gaps(times) == []
    np.testing.assert_allclose([each.at for each in used(times)], filmed - filmed[0], atol=ROUNDING)
    assert {round(each.offset - ZERO, 6) for each in used(times)} == {0.1}


def test_pts_that_end_are_arrival_after_a_second_and_single_ones_that_are_missing_are_passed_over() -> None:
    filmed = film(rate=25, seconds=30)
    pts = np.where(filmed < 20, filmed, NONE)
    pts[100] = NONE
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, pts, strict=True))
    assert [k for k, each in enumerate(times) if each is None] == [100, *range(500, 524)]
    assert gaps(times) == [(524, pytest.approx(1.0))]
    np.testing.assert_allclose([each.at for each in used(times)], np.delete(filmed, [100, *range(500, 524)]))


@pytest.mark.parametrize(("pace", "by"), [(0.4, 11), (0.85, 11), (1.2, 19), (3.0, 19)])
def test_a_pts_that_keeps_another_pace_is_found_out_in_seconds(pace: float, by: float) -> None:
    """An invented one, of raw MJPEG: counted at 25 fps whatever the camera's rate."""
    filmed = film(rate=25 * pace, seconds=60)
    pts = np.arange(len(filmed)) / 25
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, pts, strict=True))
    ((found, gap),) = gaps(times)
    assert filmed[found] < by
    assert gap == pytest.approx(1 / (25 * pace))
    assert "keep pace" in used(times)[found].why
    after = [each.at for each in used(times)[found:]]
    np.testing.assert_allclose(np.diff(after), 1 / (25 * pace), atol=ROUNDING)
    assert used(times)[-1].offset == pytest.approx(ZERO + filmed[found] - after[0])


@pytest.mark.parametrize("pace", [0.95, 1.05])
def test_a_pace_within_a_tenth_is_believed(pace: float) -> None:
    filmed = film(rate=25, seconds=600)
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, filmed * pace, strict=True))
    check_media_times(times, filmed * pace)


def test_a_camera_that_changes_its_rate_keeps_its_times() -> None:
    filmed = np.concatenate([film(rate=30, seconds=20), film(rate=5, seconds=40, start=20)])
    check_media_times(ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, filmed, strict=True)), filmed)


def test_a_pts_that_was_wrong_is_believed_again_once_it_has_been_right_for_long() -> None:
    """Counted at 25 fps, of a camera that sends 10 a second by night and 25 by day."""
    filmed = np.concatenate([film(rate=10, seconds=40), film(rate=25, seconds=60, start=40)])
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, np.arange(len(filmed)) / 25, strict=True))
    (to_arrival, _), (to_pts, _) = gaps(times)
    assert filmed[to_arrival] < 12
    assert 70 < filmed[to_pts] < 80
    last = used(times)[-1]
    assert last.offset + last.at == pytest.approx(ZERO + filmed[-1], abs=0.01)


@pytest.mark.parametrize("segment_seconds", [2.0, 6.0])
def test_long_segments_are_believed_again_too(segment_seconds: float) -> None:
    """A congestion of a minute at 0.8 of the pace makes times arrivals; segments then come as they should for long."""
    filmed = film(rate=10, seconds=600)
    delay = np.clip(filmed - 60, 0, 70) * 0.25
    arrived = in_segments(filmed, seconds=segment_seconds) + delay
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + arrived, PTS_ZERO + filmed, strict=True))
    found = gaps(times)
    assert len(found) == 2  # to arrival, and back
    at = filmed[found[-1][0]]
    assert 130 < at < 130 + 18 * segment_seconds + 60
    last = used(times)[-100:]
    np.testing.assert_allclose(np.diff([each.at for each in last]), 0.1, atol=ROUNDING)


def test_clocks_that_drift_apart_for_hours_never_begin_anew_and_the_offset_follows() -> None:
    hours = 3
    for drift in (50e-6, -50e-6):
        filmed, random = film(rate=5, seconds=3600 * hours), np.random.default_rng(2)
        arrived = np.maximum.accumulate(filmed + random.gamma(1.0, 0.05, len(filmed)))
        pts = filmed * (1 + drift)
        times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + arrived, PTS_ZERO + pts, strict=True))
        check_media_times(times, pts)
        assert used(times)[-1].offset == pytest.approx(ZERO - drift * 3600 * hours, abs=0.03)


def test_a_camera_of_one_frame_in_five_seconds_keeps_its_times() -> None:
    filmed, random = film(rate=0.2, seconds=3600), np.random.default_rng(3)
    arrived = filmed + random.uniform(0, 0.4, len(filmed))
    check_media_times(ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + arrived, filmed, strict=True)), filmed)


def test_a_source_that_is_opened_again_has_a_gap_and_a_clock_of_its_own() -> None:
    clock, filmed = SourceClock(window_seconds=WINDOW), film(rate=25, seconds=10)
    before = used(ticked(clock, zip(ZERO + filmed, 500 + filmed, strict=True)))
    clock.reopen()
    again = ZERO + 9.96 + 7.5
    after = ticked(clock, zip(again + filmed, 3 + filmed, strict=True))
    assert gaps(after) == [(0, pytest.approx(7.5))]
    np.testing.assert_allclose([each.at for each in used(after)], before[-1].at + 7.5 + filmed, atol=ROUNDING)
    assert used(after)[-1].offset == pytest.approx(ZERO)
    assert used(after)[0].why == ""


def silences_allowed(arrived: np.ndarray, pts: np.ndarray, *, timeout_seconds: float) -> list[float]:
    """How long a source may be silent after each frame."""
    burst, allowed = Burst(), []
    for at, each in zip(ZERO + arrived, PTS_ZERO + pts, strict=True):
        burst.add(at, each)
        allowed.append(burst.silence_seconds(timeout_seconds))
    return allowed


@pytest.mark.parametrize("segment_seconds", [2.0, 3.9, 4.8, 6.0, 10.0])
@pytest.mark.parametrize("decoding_seconds", [0.002, 0.01])
def test_a_source_of_bursts_may_be_silent_for_as_long_as_they_last(
    segment_seconds: float, decoding_seconds: float
) -> None:
    filmed = film(rate=25, seconds=10 * segment_seconds)
    arrived = in_segments(filmed, seconds=segment_seconds, decoding_seconds=decoding_seconds)
    arrived = np.maximum(arrived, arrived[0] + 2 * segment_seconds)
    allowed = silences_allowed(arrived, filmed, timeout_seconds=5.0)
    silences = np.diff(arrived)
    quiet = np.flatnonzero(silences > 1)
    assert len(quiet) == 7
    # A playlist is asked for anew after half a second or so.
    assert all(silences[k] + 0.5 < allowed[k] for k in quiet)
    # So that one that has gone is told soon.
    assert all(allowed[k] <= 5 + segment_seconds for k in quiet[1:])


@pytest.mark.parametrize("waited_seconds", [0.0, 1.7, 4.9])
def test_what_waited_while_a_stream_was_opened_lets_it_be_silent_no_longer_than_others_soon(
    waited_seconds: float,
) -> None:
    filmed, random = film(rate=25, seconds=60), np.random.default_rng(4)
    arrived = np.maximum.accumulate(filmed + random.uniform(0, 0.3, len(filmed)))
    arrived = np.maximum(arrived, waited_seconds)
    allowed = silences_allowed(arrived, filmed, timeout_seconds=5.0)
    assert set(allowed[round(25 * 5 * waited_seconds) + 10 :]) == {5.0}
    if waited_seconds < 3:
        assert set(allowed) == {5.0}


def test_a_source_without_pts_or_with_none_to_go_by_may_be_silent_no_longer() -> None:
    arrived = film(rate=25, seconds=60)
    for pts in (np.full(len(arrived), NONE), np.zeros(len(arrived)), 1e6 * arrived, -arrived):
        assert set(silences_allowed(arrived, pts, timeout_seconds=5.0)) == {5.0}


@pytest.mark.parametrize("segment_seconds", [2.0, 4.0, 10.0])
@pytest.mark.parametrize("rate", [1.0, 0.5])
@pytest.mark.parametrize("window_seconds", [0.4, WINDOW])
def test_a_camera_of_few_frames_a_second_that_come_in_bursts_keeps_its_times(
    segment_seconds: float, rate: float, window_seconds: float
) -> None:
    filmed = film(rate=rate, seconds=120)
    arrived = in_segments(filmed, seconds=segment_seconds)
    arrived = np.maximum(arrived, 3 * segment_seconds + 0.001 * np.arange(len(filmed)))
    times = ticked(SourceClock(window_seconds=window_seconds), zip(ZERO + arrived, PTS_ZERO + filmed, strict=True))
    check_media_times(times, filmed)


def test_a_frame_that_is_lost_in_a_burst_is_no_jump() -> None:
    filmed = np.delete(film(rate=1, seconds=120), [1, 14, 37, 80])
    arrived = in_segments(filmed, seconds=4)
    times = ticked(SourceClock(window_seconds=0.4), zip(ZERO + arrived, PTS_ZERO + filmed, strict=True))
    check_media_times(times, filmed)


@pytest.mark.parametrize("rate", [1, 10, 25, 60])
@pytest.mark.parametrize("segment_seconds", [0.0, 4.0])
@pytest.mark.parametrize("window_seconds", [0.8, WINDOW])
def test_a_pts_that_jumps_ahead_is_found_at_any_rate(rate: int, segment_seconds: float, window_seconds: float) -> None:
    filmed = film(rate=rate, seconds=40)
    arrived = in_segments(filmed, seconds=segment_seconds) if segment_seconds else filmed
    pts = np.where(filmed < 18, filmed, filmed + window_seconds + 1.5)
    times = ticked(SourceClock(window_seconds=window_seconds), zip(ZERO + arrived, pts, strict=True))
    expected = 0.001 if segment_seconds else 1 / rate
    assert gaps(times) == [(18 * rate, pytest.approx(expected))]
    assert "jumped" in used(times)[18 * rate].why


@pytest.mark.parametrize("step", [0.0, -1.0, 50.0])
def test_pts_that_are_no_times_of_a_camera_of_one_frame_in_five_seconds_are_arrival(step: float) -> None:
    """Where each frame began anew, alone, time would stand still."""
    filmed = film(rate=0.2, seconds=200)
    pts = PTS_ZERO + step * np.arange(len(filmed))
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, pts, strict=True))
    last = used(times)[-30:]
    np.testing.assert_allclose(np.diff([each.at for each in last]), 5.0, atol=ROUNDING)


def test_pts_that_are_no_numbers_are_none() -> None:
    filmed = film(rate=25, seconds=30)
    pts = np.where(np.arange(len(filmed)) % 10 == 3, math.inf, PTS_ZERO + filmed)
    times = ticked(SourceClock(window_seconds=WINDOW), zip(ZERO + filmed, pts, strict=True))
    assert [k for k, each in enumerate(times) if each is None] == list(range(3, len(filmed), 10))
    assert gaps(times) == []


def any_arrivals(random: np.random.Generator, filmed: np.ndarray) -> np.ndarray:
    """In order: as filmed, with jitter, in segments, or after a stall; and what waited at first at once."""
    at, until = random.uniform(0, filmed[-1]), random.uniform(0, 6)
    arrived = (
        filmed,
        filmed + random.gamma(1.0, 0.1, len(filmed)),
        in_segments(filmed, seconds=float(random.choice([1, 2, 4, 10]))),
        np.where((filmed > at) & (filmed < at + until), at + until, filmed),
    )[random.integers(4)]
    return np.maximum.accumulate(np.maximum(arrived, random.uniform(0, 5) * random.integers(2)))


def any_pts(random: np.random.Generator, filmed: np.ndarray) -> np.ndarray:
    """Right and wrong ones."""
    steps, is_hit = np.zeros(len(filmed)), random.random(len(filmed)) < random.uniform(0, 0.5)
    steps[random.integers(0, len(filmed), 4)] = random.choice([-100, -1, 3, 1e5, 1e9], 4)
    wrap = 2**33 / 90_000
    return (
        filmed - 1e4,
        filmed * random.choice([0.1, 0.4, 0.85, 1.2, 10]),
        (filmed + wrap - 10) % wrap,
        filmed + np.cumsum(steps),
        np.where(is_hit, NONE, filmed),
        np.where(is_hit, math.inf, filmed),
        np.minimum(filmed, 10),
        random.uniform(-1e3, 1e3, len(filmed)),
        filmed - np.where(is_hit, 0.1, 0.0),
    )[random.integers(9)]


def test_whatever_comes_time_goes_on_and_no_frame_is_there_before_it_was_filmed() -> None:
    for seed in range(60):
        random = np.random.default_rng(seed)
        filmed = film(rate=float(random.choice([0.2, 1, 10, 25])), seconds=60)
        arrived, pts = ZERO + any_arrivals(random, filmed), any_pts(random, filmed)
        clock, before = SourceClock(window_seconds=float(random.choice([0.4, WINDOW, 5]))), -math.inf
        for at, each in zip(arrived.tolist(), pts.tolist(), strict=True):
            time = clock.tick(at, each)
            if time is None:
                continue
            assert math.isfinite(time.at), seed
            assert time.at >= before, seed
            assert time.gap_seconds is None or 0 <= time.gap_seconds < 70, seed
            assert at - (time.offset + time.at) > -ROUNDING, seed
            before = time.at
