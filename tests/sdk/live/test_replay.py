"""Pictures shown again by a source that was opened anew, by pictures painted by hand."""

from __future__ import annotations

import numpy as np

from generated import painted_frame
from vidcls.live.replay import REPLAY_SECONDS, SHOWN_PICTURES, Replay

RATE = 25


def picture(number: int) -> np.ndarray:
    """No two alike, in whatever row."""
    return np.random.default_rng(number).integers(0, 256, (48, 32, 3)).astype(np.uint8)


def new(replay: Replay, numbers: range, *, start: float) -> list[int]:
    """Which of these pictures, at their rate, are no old ones."""
    return [number for k, number in enumerate(numbers) if not replay.is_old(picture(number), arrived=start + k / RATE)]


def test_what_was_shown_before_is_old_once_a_source_was_opened_anew() -> None:
    replay = Replay()
    assert new(replay, range(100), start=50.0) == list(range(100))
    for again in range(3):  # its playlist does not grow
        replay.reopen()
        assert new(replay, range(25, 100), start=100.0 + 10 * again) == []
    replay.reopen()
    assert new(replay, range(60, 140), start=200.0) == list(range(100, 140))
    assert new(replay, range(100, 140), start=300.0) == list(range(100, 140))  # without being opened anew


def test_a_picture_that_the_source_goes_on_showing_counts_after_a_while() -> None:
    replay = Replay()
    slide = painted_frame(1, width=160, height=120)
    assert not replay.is_old(slide, arrived=0.0)
    assert not replay.is_old(slide, arrived=1.0)
    replay.reopen()
    assert replay.is_old(slide, arrived=20.0)
    assert replay.is_old(slide, arrived=20.0 + REPLAY_SECONDS - 0.01)
    assert not replay.is_old(slide, arrived=20.0 + REPLAY_SECONDS)


def test_what_is_remembered_is_bounded() -> None:
    replay = Replay()
    assert len(new(replay, range(SHOWN_PICTURES + 50), start=0.0)) == SHOWN_PICTURES + 50
    replay.reopen()
    assert new(replay, range(100), start=100.0) == list(range(50))
