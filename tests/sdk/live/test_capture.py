"""The thread that reads a source: what it raises, and how it ends."""

from __future__ import annotations

import itertools
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from generated import painted_frame
from vidcls import VideoClassifier, VideoError
from vidcls.contract import ModelContract
from vidcls.live.capture import Capture
from vidcls.preprocessing import crop_frame

STEP = 0.4


@pytest.fixture(scope="module")
def contract(model: Path) -> ModelContract:
    return VideoClassifier(model, device="cpu").contract


def picture(number: int) -> np.ndarray:
    return painted_frame(number % 256, width=32, height=32)


@pytest.mark.parametrize("error", [VideoError("clip.avi", "is odd"), RuntimeError("a fault")])
def test_what_goes_wrong_in_the_thread_is_raised_after_the_windows_before_it(
    error: Exception, contract: ModelContract
) -> None:
    def read(capture: Capture) -> None:
        for number in range(20):
            capture.add(number / 20, picture(number), dropped=0)
        raise error

    capture = Capture(read, contract, step_seconds=STEP, crop=partial(crop_frame, image=contract.image, crops=1))
    assert capture.next_window() is not None
    with pytest.raises(type(error), match=str(error)):
        capture.next_window()


def test_stop_ends_a_wait_and_close_ends_the_thread(contract: ModelContract) -> None:
    def read(capture: Capture) -> None:
        for number in itertools.count():
            if capture.is_stopping():
                return
            capture.add(number * 0.0001, picture(number), dropped=0)
            time.sleep(0.01)

    capture = Capture(read, contract, step_seconds=STEP, crop=partial(crop_frame, image=contract.image, crops=1))
    threading.Timer(0.3, capture.stop).start()
    started = time.monotonic()
    assert capture.next_window() is None
    assert time.monotonic() - started < 20
    capture.close()
    assert not capture._thread.is_alive()


@pytest.mark.parametrize(("times", "windows"), [([0.05 * number for number in range(17)], 1), ([0.0, 0.9], 2)])
def test_of_a_source_that_shows_no_more_a_window_is_unanswered_until_that_is_said(
    times: list[float], windows: int, contract: ModelContract
) -> None:
    """Also one of a camera slower than one frame a window, which is complete only by the clock."""
    is_over = threading.Event()

    def read(capture: Capture) -> None:
        capture.begin(captured=time.monotonic())
        for number, at in enumerate(times):
            capture.add(at, picture(number), dropped=0)
        is_over.wait(20)

    capture = Capture(read, contract, step_seconds=STEP, crop=partial(crop_frame, image=contract.image, crops=1))
    for _ in range(windows):
        assert capture.next_window(until=time.monotonic() + 20) is not None
        assert capture.has_unanswered
        assert capture.is_due
        capture.put_answered()
        assert not capture.is_due  # not before the clock has completed another, which may be an hour later
    assert not capture.has_unanswered
    is_over.set()
    capture.close()


def test_what_has_ended_leaves_no_window_unanswered(contract: ModelContract) -> None:
    """A film that ends, and one that cannot be decoded any further, of one frame in 0.9 s."""

    def broken(capture: Capture) -> None:
        capture.add(0.0, picture(0), dropped=0)
        capture.add(0.9, picture(1), dropped=0)
        raise VideoError("film.avi", "is broken")

    def whole(capture: Capture) -> None:
        capture.add(0.0, picture(0), dropped=0)
        capture.add(0.9, picture(1), dropped=0)
        capture.end(duration=1.8)

    for read, windows in ((broken, 1), (whole, 2)):
        capture = Capture(read, contract, step_seconds=STEP, crop=partial(crop_frame, image=contract.image, crops=1))
        capture.close()
        found = []
        while capture.has_unanswered:
            found.append(capture.take())
            capture.put_answered()
        assert len(found) == windows
        assert None not in found
