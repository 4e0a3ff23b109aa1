"""What packets say of a video: when its frames are shown, and which way to the wanted ones is shortest."""

from __future__ import annotations

import pytest

from vidcls.video.frame_index import Packet, Run, TimeTable, partial_table, plan_runs, whole_table

RATE = 25.0


def packets(seconds: list[float], *, keys: set[int] | None = None) -> list[Packet]:
    return [Packet(second, keys is None or number in keys) for number, second in enumerate(seconds)]


def table(frames: int, *, every: int, parts: list[int] | None = None) -> TimeTable:
    """Frames at 25 a second with a key frame every so many."""
    times = [number / RATE for number in range(frames)]
    keys = list(range(0, frames, every))
    return TimeTable(times=times, duration=frames / RATE, stamps=times, keys=keys, parts=parts or [0])


def test_frames_are_shown_in_the_order_of_their_times_and_not_of_the_file() -> None:
    found = whole_table(packets([5.0, 5.12, 5.04, 5.08], keys={0}), first_stamp=5.0, average_rate=RATE)
    assert found.times == pytest.approx([0, 0.04, 0.08, 0.12])
    assert found.duration == pytest.approx(0.16)
    assert found.stamps == [5.0, 5.04, 5.08, 5.12]
    assert found.keys == [0]


def test_what_an_edit_list_cuts_off_does_not_count() -> None:
    found = whole_table(packets([-0.08, -0.04, 0.0, 0.04]), first_stamp=0.0, average_rate=RATE)
    assert found.times == pytest.approx([0, 0.04])


@pytest.mark.parametrize(
    ("seconds", "first"),
    [([0.0, 0.04, 0.08], 0.04), ([0.0, 0.04, 0.08], 0.02), ([0.0, 0.04, 0.04], 0.0)],
    ids=["the decoder is a frame late", "another clock", "two frames at one time"],
)
def test_a_clock_that_is_not_the_decoders_gives_way_to_counting(seconds: list[float], first: float) -> None:
    found = whole_table(packets(seconds), first_stamp=first, average_rate=RATE)
    assert found.stamps is None
    assert found.times == pytest.approx([0, 0.04, 0.08])
    assert plan_runs(found, [(0, 0)]) is None


def test_stretches_that_overlap_are_one_part_and_others_stay_apart() -> None:
    stretches = [packets([9.0, 9.04]), packets([1.0, 1.04, 1.08]), packets([1.04, 1.08, 1.12])]
    found = partial_table(stretches, first_stamp=0.5, duration=10.0)
    assert found.times == pytest.approx([0.5, 0.54, 0.58, 0.62, 8.5, 8.54])
    assert found.parts == [0, 4]
    assert [found.part_end(index) for index in (0, 3, 4, 5)] == [4, 4, 6, 6]
    assert found.duration == 10.0


def test_a_short_stretch_of_a_long_video_is_sought_and_so_is_the_end() -> None:
    assert plan_runs(table(1000, every=10), [(500, 540)]) == [Run(first=500, last=540), Run(first=999, last=999)]


def test_a_span_is_never_split() -> None:
    assert plan_runs(table(1000, every=10), [(100, 600)]) == [Run(first=100, last=600), Run(first=999, last=999)]


def test_spans_that_overlap_are_decoded_in_one_go() -> None:
    runs = plan_runs(table(1000, every=100), [(550, 580), (560, 570)])
    assert runs == [Run(first=550, last=580), Run(first=999, last=999)]


def test_spans_closer_than_a_key_frame_are_decoded_in_one_go() -> None:
    runs = plan_runs(table(1000, every=100), [(570, 580), (550, 560)])
    assert runs == [Run(first=550, last=580), Run(first=999, last=999)]


def test_without_key_frames_to_enter_at_everything_is_decoded() -> None:
    assert plan_runs(table(1000, every=1000), [(500, 540)]) is None


def test_between_parts_nothing_is_decoded_however_near_they_look() -> None:
    assert plan_runs(table(20, every=10, parts=[0, 10]), [(5, 9), (10, 12)]) == [
        Run(first=5, last=9),
        Run(first=10, last=19),
    ]
