"""The frames that a window buffer keeps and the windows it gives, frame by frame: no camera, no thread, no clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from generated import painted_frame, painted_number
from vidcls import VideoClassifier
from vidcls.contract import ModelContract
from vidcls.live import window_buffer
from vidcls.live.window_buffer import CapturedWindow, WindowBuffer
from vidcls.preprocessing import crop_frame

STEP, CLIP, FRAMES = 0.4, 0.8, 4


@pytest.fixture(scope="module")
def contract(model: Path) -> ModelContract:
    contract = VideoClassifier(model, device="cpu").contract
    assert (contract.sampling.clip_seconds, contract.sampling.frames) == (CLIP, FRAMES)
    return contract


class Buffer(WindowBuffer):
    """One that crops what it is shown."""

    def __init__(self, contract: ModelContract, *, step_seconds: float = STEP) -> None:
        super().__init__(contract, step_seconds=step_seconds)
        self._image = contract.image

    def show(self, at: float, number: int) -> None:
        self.add(at, picture(number), crop=crop_frame(picture(number), self._image, crops=1))


def picture(number: int) -> np.ndarray:
    return painted_frame(number % 256, width=32, height=32)


def check_against_the_rule(captured: CapturedWindow, times: list[float]) -> None:
    """The window's frames are those that the sampling rule takes of all frames, not only of those kept."""
    begin, end = captured.window.start - 0.001, captured.window.start + CLIP - 0.001
    inside = [index for index, at in enumerate(times) if begin <= at < end]
    expected = [inside[j * (len(inside) - 1) // (FRAMES - 1)] for j in range(FRAMES)]
    np.testing.assert_array_equal(captured.window.timestamps, [times[index] for index in expected])
    for index, frame in zip(expected, captured.window.frames[0], strict=True):
        assert painted_number(np.asarray(frame)) == index % 256


@pytest.mark.parametrize("rate", [7.5, 10, 15, 29.97, 60])
def test_windows_follow_the_rule_at_any_rate_and_none_is_lost_to_a_fast_consumer(
    rate: float, contract: ModelContract
) -> None:
    buffer = Buffer(contract)
    times = [number / rate for number in range(int(6 * rate))]
    caught = []
    for number, at in enumerate(times):
        buffer.show(at, number)
        if (captured := buffer.take()) is not None:
            caught.append(captured)
            check_against_the_rule(captured, times)
            assert painted_number(captured.window.picture) == number % 256
            assert captured.captured == pytest.approx(captured.window.end)
    np.testing.assert_allclose([captured.window.start for captured in caught], STEP * np.arange(len(caught)), atol=1e-9)
    assert len(caught) >= 12
    assert all(
        (captured.dropped_frames, captured.dropped_windows, captured.gap_seconds) == (0, 0, 0) for captured in caught
    )


@pytest.mark.parametrize("step", [0.05, 0.4, 0.8, 1.7])
def test_irregular_times_and_slow_consumers_lose_windows_but_never_count_wrong(
    step: float, contract: ModelContract
) -> None:
    random = np.random.default_rng(3)
    times = np.cumsum(random.choice([0.005, 0.03, 0.05, 0.3, 1.5], p=[0.2, 0.4, 0.3, 0.07, 0.03], size=600)).tolist()
    times = [at - times[0] for at in times]
    buffer = Buffer(contract, step_seconds=step)
    previous_end, dropped = step * -1 + CLIP, 0
    for number, at in enumerate(times):
        buffer.show(at, number)
        assert len(buffer) <= 400  # all of 0.8 + 2 * 1.7 s at 5 ms would be more than there are here
        if random.random() < 0.05 and (captured := buffer.take()) is not None:
            if any(captured.window.start - 0.001 <= each < captured.window.end - 0.001 for each in times):
                check_against_the_rule(captured, times)
            # The newest complete window that has a frame of its own.
            assert captured.window.end - 0.001 <= at
            new = sum(captured.window.end - step - 0.001 <= each < captured.window.end - 0.001 for each in times)
            since = sum(previous_end - 0.001 <= each < captured.window.end - 0.001 for each in times)
            assert new > 0
            assert captured.dropped_frames == since - new
            assert (captured.dropped_windows == 0) == (captured.dropped_frames == 0)
            previous_end = captured.window.end
            dropped += captured.dropped_frames
    assert dropped > 100


def test_what_is_kept_does_not_grow_while_nobody_asks(contract: ModelContract) -> None:
    buffer = Buffer(contract)
    for number in range(3000):
        buffer.show(number / 30, number)
        assert len(buffer) <= (CLIP + 2 * STEP) * 30 + 2
    captured = buffer.take()
    assert captured is not None
    # 99.97 s: windows end at 0.8, 1.2 ... 99.6 s; all but the last were dropped.
    assert captured.window.end == pytest.approx(99.6)
    assert (captured.dropped_windows, captured.dropped_frames) == (247, 247 * 12)


def test_no_window_spans_a_gap_and_windows_count_anew_after_it(contract: ModelContract) -> None:
    buffer = Buffer(contract)
    times = [number / 20 for number in range(30)]  # up to 1.45 s
    for number, at in enumerate(times):
        buffer.show(at, number)
    buffer.begin_again(7.13)
    last = buffer.take()  # complete before the gap, and still the source's past
    assert last is not None
    check_against_the_rule(last, times)
    assert (last.window.start, last.gap_seconds, last.dropped_windows) == (STEP, 0, 1)
    after = [7.13 + number / 20 for number in range(40)]
    caught = []
    for number, at in enumerate(after):
        buffer.show(at, number)
        if (captured := buffer.take()) is not None:
            caught.append(captured)
            check_against_the_rule(captured, after)
    assert [captured.window.start for captured in caught] == pytest.approx([7.13, 7.53, 7.93])
    assert [captured.gap_seconds for captured in caught] == pytest.approx([7.13 - 1.45, 0, 0])
    assert not any(captured.dropped_windows for captured in caught)


def all_of(buffer: Buffer) -> list[CapturedWindow]:
    captured = []
    while (each := buffer.take()) is not None:
        captured.append(each)
    return captured


def test_windows_of_a_burst_wait_across_a_jump_in_it_with_the_times_that_they_had(contract: ModelContract) -> None:
    buffer, before = Buffer(contract), [number / 20 for number in range(40)]  # up to 1.95 s
    after = [1.951 + number / 20 for number in range(40)]  # up to 3.901 s
    buffer.begin(captured=100.0)
    for number, at in enumerate(before):
        buffer.add(at, picture(number), crop=picture(number)[None], arrived=102.0)
    buffer.begin_again(after[0])
    buffer.begin(captured=98.0)  # which is no news of what was before
    for number, at in enumerate(after):
        buffer.add(at, picture(number), crop=picture(number)[None], arrived=102.0)
    captured = all_of(buffer)
    # Those that end at 0.8, 1.2, 1.6 s; 2.0 s never came. Then every 0.4 s from 1.951 s on: up to 3.951 s, which was
    # not over.
    starts = [0.0, 0.4, 0.8, *(1.951 + 0.4 * number for number in range(3))]
    assert [each.window.start for each in captured] == pytest.approx(starts)
    assert [each.captured for each in captured] == pytest.approx(
        [100.8, 101.2, 101.6, *(98 + start + CLIP for start in starts[3:])]
    )
    assert [each.gap_seconds for each in captured] == pytest.approx([0, 0, 0, 0.001, 0, 0])
    assert not any(each.dropped_windows or each.dropped_frames for each in captured)
    for each in captured[:3]:
        check_against_the_rule(each, before)
    for each in captured[3:]:
        check_against_the_rule(each, after)


def test_a_window_from_before_a_jump_is_dropped_once_a_newer_one_is_complete_where_no_bursts_come(
    contract: ModelContract,
) -> None:
    """And the gap after it is told with the one that is handed out."""
    buffer = Buffer(contract)
    for number in range(20):  # up to 0.95 s: one window
        buffer.show(number / 20, number)
    buffer.begin_again(1.0)
    for number in range(30):  # up to 2.45 s: those that end at 1.8 and 2.2 s
        buffer.show(1.0 + number / 20, number)
    (captured,) = all_of(buffer)
    assert captured.window.end == pytest.approx(2.2)
    assert (captured.dropped_windows, captured.dropped_frames) == (2, 16)  # the frames of a step of each
    assert captured.gap_seconds == pytest.approx(0.05)


def test_the_last_picture_of_a_slow_camera_before_a_jump_has_its_window(contract: ModelContract) -> None:
    buffer = Buffer(contract)
    buffer.show(0.0, 0)
    buffer.show(5.0, 1)
    assert [painted_number(np.asarray(each.window.frames[0, -1])) for each in all_of(buffer)] == [0]
    buffer.begin_again(10.0)
    assert [painted_number(np.asarray(each.window.frames[0, -1])) for each in all_of(buffer)] == [1]


@pytest.mark.parametrize(
    ("frames", "starts"),
    [(1, [0]), (10, [0]), (16, [0]), (17, [0, 0.05]), (24, [0, 0.4]), (29, [0, 0.4, 0.65]), (31, [0, 0.4, 0.75])],
)
def test_the_last_window_ends_with_the_file(frames: int, starts: list[float], contract: ModelContract) -> None:
    buffer = Buffer(contract)
    times = [number / 20 for number in range(frames)]
    caught = []
    for number, at in enumerate(times):
        buffer.show(at, number)
        if (captured := buffer.take()) is not None:
            caught.append(captured)
    buffer.end(duration=frames / 20 if frames > 1 else 0.0)
    while (captured := buffer.take()) is not None:
        caught.append(captured)
    assert [captured.window.start for captured in caught] == pytest.approx(starts)
    for captured in caught:
        check_against_the_rule(captured, times)
        assert captured.captured == pytest.approx(min(captured.window.end, frames / 20 if frames > 1 else 0))


def test_frames_that_could_not_be_kept_are_counted_with_the_next_window(contract: ModelContract) -> None:
    buffer = Buffer(contract)
    counts = []
    for number in range(60):
        buffer.lose(2 if number in (3, 30) else 0)
        buffer.show(number / 20, number)
        if (captured := buffer.take()) is not None:
            counts.append((captured.dropped_frames, captured.dropped_windows))
    assert counts == [(2, 0), (0, 0), (2, 0), (0, 0), (0, 0), (0, 0)]


def in_bursts(*, burst_seconds: float, bursts: int, rate: float = 20) -> list[tuple[float, float]]:
    """(time, arrival) of frames of a source that sends so many seconds at once, as soon as they are over."""
    count = round(burst_seconds * rate)
    return [
        ((burst * count + k) / rate, (burst + 1) * burst_seconds + 0.001 * (k - count))
        for burst in range(bursts)
        for k in range(count)
    ]


def answered(
    buffer: Buffer, frames: list[tuple[float, float]], *, answer_seconds: float, zero: float = 0.0
) -> list[CapturedWindow]:
    """What a model that takes so long for a window is given, as frames arrive; `zero`: when time 0 is known to be."""
    buffer.begin(captured=zero)
    given: list[CapturedWindow] = []
    free = 0.0
    for number, (at, arrived) in enumerate(frames):
        while free < arrived and (captured := buffer.take(now=free)) is not None:
            given.append(captured)
            free += answer_seconds
        free = max(free, arrived)
        buffer.add(at, picture(number), crop=picture(number)[None], arrived=arrived)
    return given


@pytest.mark.parametrize("burst_seconds", [0.4, 2.0, 4.0, 10.0])
def test_every_window_of_a_burst_waits_for_a_model_that_is_just_fast_enough(
    burst_seconds: float, contract: ModelContract
) -> None:
    frames = in_bursts(burst_seconds=burst_seconds, bursts=round(60 / burst_seconds))
    given = answered(Buffer(contract), frames, answer_seconds=0.9 * STEP)
    assert [captured.window.start for captured in given] == pytest.approx(STEP * np.arange(len(given)), abs=1e-6)
    assert len(given) >= (60 - 2 * burst_seconds - CLIP) / STEP
    assert not any(captured.dropped_windows for captured in given)
    for captured in given:
        check_against_the_rule(captured, [at for at, _ in frames])


def test_a_model_that_is_too_slow_for_bursts_is_never_later_than_a_burst_and_its_answers(
    contract: ModelContract,
) -> None:
    frames = in_bursts(burst_seconds=4, bursts=50)
    given = answered(buffer := Buffer(contract), frames, answer_seconds=3 * STEP)
    newest = [captured.window.end for captured in given]
    assert sum(captured.dropped_windows for captured in given) + len(given) >= newest[-1] / STEP - 2
    assert np.diff(newest).max() < 4 + 2 * STEP
    assert sum(captured.dropped_windows for captured in given) > 0.5 * len(given)
    assert len(buffer._waiting) <= 4 / STEP + 1


def test_a_first_burst_that_is_longer_than_the_others_is_worked_off_by_a_model_that_is_busy_three_quarters(
    contract: ModelContract,
) -> None:
    frames = [(at, max(arrived, 12.0 + 0.001 * at)) for at, arrived in in_bursts(burst_seconds=4, bursts=15)]
    given = answered(Buffer(contract), frames, answer_seconds=0.75 * STEP, zero=0.0)
    assert not any(captured.dropped_windows for captured in given)
    assert len(given) > 100


def test_a_burst_that_does_not_come_again_counts_for_twice_its_length(contract: ModelContract) -> None:
    """As when a camera is opened: of a model that is too slow the newest window alone waits soon after."""
    buffer, waiting = Buffer(contract), {}
    for number in range(600):
        at = number / 20
        buffer.add(at, picture(number), crop=picture(number)[None], arrived=max(at, 4.0))
        waiting[at] = len(buffer._waiting)
    assert waiting[4.0] == (4 - CLIP) / STEP + 1
    assert all(count > 4 for at, count in waiting.items() if 4 < at < 8)
    assert all(count == 1 for at, count in waiting.items() if at > 4 + 2 * 4)


def test_without_bursts_nothing_waits_but_the_newest_window(contract: ModelContract) -> None:
    random = np.random.default_rng(5)
    buffer = Buffer(contract)
    for number in range(2000):
        at = number / 20
        buffer.add(at, picture(number), crop=picture(number)[None], arrived=at + random.uniform(0, 0.2))
        assert len(buffer._waiting) <= 1


def test_what_waits_is_bounded_in_seconds_and_bytes(contract: ModelContract, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer, shown = Buffer(contract), picture(0)

    def show(*times: float) -> None:
        for at in times:  # all at once
            buffer.begin(captured=1000.0 - at)
            buffer.add(at, shown, crop=shown[None], arrived=1000.0)

    show(*(number / 10 for number in range(1000)))
    assert len(buffer._waiting) == pytest.approx(window_buffer.BACKLOG_SECONDS / STEP, abs=1)
    monkeypatch.setattr(window_buffer, "BACKLOG_BYTES", shown.nbytes)  # which all share
    show(*(100 + number / 10 for number in range(20)))
    assert len(buffer._waiting) == pytest.approx(window_buffer.BACKLOG_SECONDS / STEP, abs=1)
    monkeypatch.setattr(window_buffer, "BACKLOG_BYTES", shown.nbytes - 1)
    show(*(102 + number / 10 for number in range(20)))
    assert len(buffer._waiting) == 1


@pytest.mark.parametrize("is_view", [False, True])
@pytest.mark.parametrize(("spare", "waiting"), [(0, 8), (-1, 7)])
def test_what_windows_share_is_counted_once(
    is_view: bool, spare: int, waiting: int, contract: ModelContract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10 frames a second: windows of 8 every 0.4 s, of which each takes 4 frames, some that the next takes too."""
    buffer = Buffer(contract)
    picture_bytes, crop_bytes = 32 * 32 * 3, 16 * 16 * 3
    # Window k, from frame 4 k on, takes frames 4 k + (0, 2, 4, 7), and is complete when frame 4 k + 8 comes, which is
    # its picture. The third is the first of the next, and the picture the third of the next.
    crops, pictures = 3 * 8 + 1, 8
    # A view keeps all of its frame. Then all pictures but the last are kept anyway.
    total = (crops + 1) * picture_bytes if is_view else crops * crop_bytes + pictures * picture_bytes
    monkeypatch.setattr(window_buffer, "BACKLOG_BYTES", total + spare)
    for number in range(4 * 20 + 9):
        shown = picture(number)
        crop = shown[None, :16, :16] if is_view else shown[None, :16, :16].copy()
        buffer.begin(captured=1000.0 - number / 10)
        buffer.add(number / 10, shown, crop=crop, arrived=1000.0)
    assert len(buffer._waiting) == waiting


def test_a_camera_slower_than_one_frame_a_window_gives_one_of_each_soon_after_its_end(contract: ModelContract) -> None:
    buffer = Buffer(contract)
    buffer.begin(captured=100.0)
    given: list[tuple[CapturedWindow, float]] = []
    filmed = [4.87 * number for number in range(9)]
    shown = 0
    for tenth in range(400):
        now = 100 + tenth / 10
        if shown < 9 and filmed[shown] + (0.0, 0.2)[shown % 2] <= tenth / 10:  # some come late
            buffer.add(filmed[shown], picture(shown), crop=picture(shown)[None], arrived=now)
            shown += 1
        if (captured := buffer.take(now=now)) is not None:
            given.append((captured, now))
    # The first alone says nothing of the camera's rate, so its window waits for the second.
    assert [painted_number(np.asarray(captured.window.frames[0, -1])) for captured, _ in given] == list(range(9))
    assert all(captured.dropped_windows == 0 for captured, _ in given)
    for captured, now in given[1:]:
        at = captured.window.timestamps[-1]
        assert captured.window.end == pytest.approx(max(CLIP, (at + 0.001) // STEP * STEP + STEP))  # the first with it
        assert window_buffer.LATE_SECONDS - 1e-6 <= now - captured.captured < 0.5
