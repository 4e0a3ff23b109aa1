"""What packets say of a video: when its frames are shown, and which way to the wanted ones is shortest."""

from __future__ import annotations

import pytest

from vidcls.video.frame_index import DecodeRange, FrameIndex, Packet, full_index, partial_index, plan_ranges

RATE = 25.0
SEEK_FRAMES = 20


def packets(seconds: list[float], *, keys: set[int] | None = None) -> list[Packet]:
    return [Packet(second, keys is None or number in keys) for number, second in enumerate(seconds)]


def ranges_of(*spans: tuple[int, int]) -> list[DecodeRange]:
    return [DecodeRange(first=first, last=last) for first, last in spans]


def index_of(frames: int, *, every: int, parts: list[int] | None = None) -> FrameIndex:
    """Frames at 25 a second with a key frame every so many."""
    times = [number / RATE for number in range(frames)]
    keys = list(range(0, frames, every))
    return FrameIndex(times=times, duration=frames / RATE, pts_seconds=times, key_frames=keys, parts=parts or [0])


def test_frames_are_shown_in_the_order_of_their_times_and_not_of_the_file() -> None:
    found = full_index(packets([5.0, 5.12, 5.04, 5.08], keys={0}), first_frames=[5.0], has_pts=True, average_rate=RATE)
    assert found.times == pytest.approx([0, 0.04, 0.08, 0.12])
    assert found.duration == pytest.approx(0.16)
    assert found.pts_seconds == [5.0, 5.04, 5.08, 5.12]
    assert found.key_frames == [0]


def test_what_an_edit_list_cuts_off_does_not_count() -> None:
    found = full_index(packets([-0.08, -0.04, 0.0, 0.04]), first_frames=[0.0], has_pts=True, average_rate=RATE)
    assert found.times == pytest.approx([0, 0.04])


@pytest.mark.parametrize(
    ("seconds", "first"),
    [([0.0, 0.04, 0.08], 0.04), ([0.0, 0.04, 0.08], 0.02), ([0.0, 0.04, 0.04], 0.0)],
    ids=["the decoder is a frame late", "another clock", "two frames at one time"],
)
def test_a_clock_that_is_not_the_decoders_gives_way_to_counting(seconds: list[float], first: float) -> None:
    found = full_index(packets(seconds), first_frames=[first], has_pts=False, average_rate=RATE)
    assert found.pts_seconds is None
    assert found.times == pytest.approx([0, 0.04, 0.08])
    assert plan_ranges(found, [(0, 0)], seek_frames=SEEK_FRAMES) is None


def test_stretches_that_overlap_are_one_part_and_others_stay_apart() -> None:
    stretches = [packets([9.0, 9.04]), packets([1.0, 1.04, 1.08]), packets([1.04, 1.08, 1.12])]
    found = partial_index(stretches, first_pts=0.5, duration=10.0)
    assert found.times == pytest.approx([0.5, 0.54, 0.58, 0.62, 8.5, 8.54])
    assert found.parts == [0, 4]
    assert [found.part_end(index) for index in (0, 3, 4, 5)] == [4, 4, 6, 6]
    assert found.duration == 10.0


def test_a_short_stretch_of_a_long_video_is_sought() -> None:
    assert plan_ranges(index_of(1000, every=10), [(500, 540)], seek_frames=SEEK_FRAMES) == ranges_of((500, 540))


def test_a_span_is_never_split() -> None:
    assert plan_ranges(index_of(1000, every=10), [(100, 600)], seek_frames=SEEK_FRAMES) == ranges_of((100, 600))


def test_spans_that_overlap_are_decoded_in_one_go() -> None:
    ranges = plan_ranges(index_of(1000, every=100), [(550, 580), (560, 570)], seek_frames=SEEK_FRAMES)
    assert ranges == ranges_of((550, 580))


def test_spans_closer_than_a_key_frame_are_decoded_in_one_go() -> None:
    ranges = plan_ranges(index_of(1000, every=100), [(570, 580), (550, 560)], seek_frames=SEEK_FRAMES)
    assert ranges == ranges_of((550, 580))


def test_without_key_frames_to_enter_at_everything_is_decoded() -> None:
    plan = plan_ranges(index_of(1000, every=1000), [(970, 990)], seek_frames=SEEK_FRAMES)
    assert plan == ranges_of((0, 999))


def test_between_parts_nothing_is_decoded_however_near_they_look() -> None:
    assert plan_ranges(index_of(20, every=10, parts=[0, 10]), [(5, 9), (10, 12)], seek_frames=SEEK_FRAMES) == ranges_of(
        (5, 9), (10, 12)
    )
