"""The frames that a capture keeps and the windows it gives, driven frame by frame: no camera, no clock."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from generated import painted_frame, painted_number
from vidcls import VideoClassifier, VideoError
from vidcls.contract import ModelContract
from vidcls.live.capture import Capture, CapturedWindow
from vidcls.live.readers import _arrivals

STEP, CLIP, FRAMES = 0.4, 0.8, 4


@pytest.fixture(scope="module")
def contract(model: Path) -> ModelContract:
    contract = VideoClassifier(model, device="cpu").contract
    assert (contract.sampling.clip_seconds, contract.sampling.frames) == (CLIP, FRAMES)
    return contract


def start(contract: ModelContract, *, step: float = STEP) -> Capture:
    """A capture whose reader is the test itself."""
    capture = Capture(lambda _: None, contract, step_seconds=step)
    capture._thread.join()
    return capture


def picture(number: int) -> np.ndarray:
    return painted_frame(number % 256, width=32, height=32)


def check_against_the_rule(captured: CapturedWindow, times: list[float]) -> None:
    """The window's frames are those that the sampling rule takes of all frames, not only of those kept."""
    begin, end = captured.window.start - 0.001, captured.window.start + CLIP - 0.001
    inside = [index for index, at in enumerate(times) if begin <= at < end]
    expected = [inside[j * (len(inside) - 1) // (FRAMES - 1)] for j in range(FRAMES)]
    np.testing.assert_array_equal(captured.window.timestamps, [times[index] for index in expected])
    for index, frame in zip(expected, captured.window.frames, strict=True):
        assert painted_number(np.asarray(frame)) == index % 256


@pytest.mark.parametrize("rate", [7.5, 10, 15, 29.97, 60])
def test_windows_follow_the_rule_at_any_rate_and_none_is_lost_to_a_fast_consumer(
    rate: float, contract: ModelContract
) -> None:
    capture = start(contract)
    times = [number / rate for number in range(int(6 * rate))]
    caught = []
    for number, at in enumerate(times):
        capture.add(at, picture(number))
        if capture._pending is not None:
            captured = capture.next_window()
            assert captured is not None
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
    capture = start(contract, step=step)
    previous_end, dropped = step * -1 + CLIP, 0
    for number, at in enumerate(times):
        capture.add(at, picture(number))
        assert len(capture._times) <= 400  # all of 0.8 + 2 * 1.7 s at 5 ms would be more than there are here
        if random.random() < 0.05 and capture._pending is not None:
            captured = capture.next_window()
            assert captured is not None
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
    capture = start(contract)
    for number in range(3000):
        capture.add(number / 30, picture(number))
        assert len(capture._times) <= (CLIP + 2 * STEP) * 30 + 2
    captured = capture.next_window()
    assert captured is not None
    # 99.97 s: windows end at 0.8, 1.2 ... 99.6 s; all but the last were dropped.
    assert captured.window.end == pytest.approx(99.6)
    assert (captured.dropped_windows, captured.dropped_frames) == (247, 247 * 12)


def test_no_window_spans_a_gap_and_windows_count_anew_after_it(contract: ModelContract) -> None:
    capture = start(contract)
    times = [number / 20 for number in range(30)]  # up to 1.45 s
    for number, at in enumerate(times):
        capture.add(at, picture(number))
    capture.begin_again(7.13)
    after = [7.13 + number / 20 for number in range(40)]
    caught = []
    for number, at in enumerate(after):
        capture.add(at, picture(number))
        if capture._pending is not None:
            captured = capture.next_window()
            assert captured is not None
            caught.append(captured)
            check_against_the_rule(captured, after)
    assert [captured.window.start for captured in caught] == pytest.approx([7.13, 7.53, 7.93])
    assert [captured.gap_seconds for captured in caught] == pytest.approx([7.13 - 1.45, 0, 0])
    assert [captured.dropped_windows for captured in caught] == [2, 0, 0]  # complete before the gap, never asked for


@pytest.mark.parametrize(
    ("frames", "starts"),
    [(1, [0]), (10, [0]), (16, [0]), (17, [0, 0.05]), (24, [0, 0.4]), (29, [0, 0.4, 0.65]), (31, [0, 0.4, 0.75])],
)
def test_the_last_window_ends_with_the_file(frames: int, starts: list[float], contract: ModelContract) -> None:
    capture = start(contract)
    times = [number / 20 for number in range(frames)]
    caught = []
    for number, at in enumerate(times):
        capture.add(at, picture(number))
        if capture._pending is not None:
            caught.append(capture.next_window())
    capture.end(duration=frames / 20 if frames > 1 else 0.0)
    while (captured := capture.next_window()) is not None:
        caught.append(captured)
    assert [captured.window.start for captured in caught if captured] == pytest.approx(starts)
    for captured in caught:
        assert captured is not None
        check_against_the_rule(captured, times)
        assert captured.captured == pytest.approx(min(captured.window.end, frames / 20 if frames > 1 else 0))


@pytest.mark.parametrize("error", [VideoError("clip.avi", "is odd"), RuntimeError("a fault")])
def test_what_goes_wrong_in_the_thread_is_raised_after_the_windows_before_it(
    error: Exception, contract: ModelContract
) -> None:
    def read(capture: Capture) -> None:
        for number in range(20):
            capture.add(number / 20, picture(number))
        raise error

    capture = Capture(read, contract, step_seconds=STEP)
    assert capture.next_window() is not None
    with pytest.raises(type(error), match=str(error)):
        capture.next_window()


def test_stop_ends_a_wait_and_close_ends_the_thread(contract: ModelContract) -> None:
    def read(capture: Capture) -> None:
        for number in itertools.count():
            if capture.stopping:
                return
            capture.add(number * 0.0001, picture(number))
            time.sleep(0.01)

    capture = Capture(read, contract, step_seconds=STEP)
    threading.Timer(0.3, capture.stop).start()
    started = time.monotonic()
    assert capture.next_window() is None
    assert time.monotonic() - started < 2
    capture.close()
    assert not capture._thread.is_alive()


class Opened:
    """What of cv2.VideoCapture is needed: a stream of 5 fps of which the first frames waited."""

    def __init__(self, *, waited: int, coming: int, stamp_seconds: float) -> None:
        self.number, self.waited, self.coming, self.stamp_seconds = -1, waited, coming, stamp_seconds

    def grab(self) -> bool:
        self.number += 1
        time.sleep(0.2 if self.number >= self.waited else 0.0005)
        return self.number < self.waited + self.coming

    def get(self, _: int) -> float:
        return self.number * self.stamp_seconds * 1000

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, picture(self.number)


@pytest.mark.parametrize(
    ("waited", "stamp_seconds", "expected"),
    [
        (20, 0.2, [20, 21, 22]),
        (0, 0.2, [1, 2]),  # the first has nothing to be compared with
        (0, 0.0, [1, 2]),  # no stamps at all
        (0, 0.5, [1, 2]),  # stamps of a rate that is not the camera's
    ],
)
def test_frames_that_waited_while_the_stream_was_opened_are_passed_over(
    waited: int, stamp_seconds: float, expected: list[int], contract: ModelContract
) -> None:
    opened = Opened(waited=waited, coming=3, stamp_seconds=stamp_seconds)
    arrivals = list(_arrivals(opened, start(contract)))  # type: ignore[arg-type]
    assert [painted_number(frame) for _, frame in arrivals] == expected
    assert min(np.diff([at for at, _ in arrivals])) > 0.1
