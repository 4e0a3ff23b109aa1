"""Pictures shown again by a source that was opened anew, by pictures painted by hand."""

from __future__ import annotations

import math

import numpy as np

from vidcls.live.replay import SHOWN_PICTURES, Replay

RATE = 25


def picture(number: int) -> np.ndarray:
    """No two alike, in whatever row."""
    return np.random.default_rng(number).integers(0, 256, (48, 32, 3)).astype(np.uint8)


def new(replay: Replay, numbers: range, *, pace: float, start: float = 100.0) -> list[int]:
    """Which of these pictures are no old ones, where they come at that pace."""
    return [
        number
        for k, number in enumerate(numbers)
        if not replay.is_old(picture(number), arrived=start + k / RATE / pace, pts=k / RATE)
    ]


def test_what_was_shown_before_is_old_once_a_source_was_opened_anew() -> None:
    replay = Replay()
    assert new(replay, range(100), pace=1) == list(range(100))
    for again in range(3):  # its playlist does not grow
        replay.reopen()
        assert new(replay, range(25, 100), pace=4, start=200.0 + 10 * again) == []
    replay.reopen()
    assert new(replay, range(60, 140), pace=4) == list(range(100, 140))
    assert new(replay, range(100, 140), pace=4) == list(range(100, 140))  # without being opened anew


def test_what_comes_at_its_own_pace_is_shown_now_however_it_looks() -> None:
    replay = Replay()
    assert len(new(replay, range(100), pace=1)) == 100
    replay.reopen()
    assert new(replay, range(100), pace=1.0) == list(range(1, 100))  # of the first nobody knows
    replay.reopen()
    without_pts = [replay.is_old(picture(k), arrived=k / RATE, pts=math.nan) for k in range(100)]
    assert not any(without_pts)


def test_a_slide_is_there_again_once_what_came_at_once_has_passed() -> None:
    """An RTSP camera has 1.7 s to give when it is opened."""
    replay = Replay()
    assert not replay.is_old(picture(0), arrived=0.0, pts=0.0)
    replay.reopen()
    pts = np.arange(250) / RATE
    old = [replay.is_old(picture(0), arrived=max(0.0, at - 1.7), pts=at) for at in pts.tolist()]
    assert pts[old.index(False)] - 1.7 < 3.5
    assert not any(old[old.index(False) :])


def test_what_is_remembered_is_bounded() -> None:
    replay = Replay()
    assert len(new(replay, range(SHOWN_PICTURES + 50), pace=1)) == SHOWN_PICTURES + 50
    replay.reopen()
    assert new(replay, range(100), pace=4) == list(range(50))
