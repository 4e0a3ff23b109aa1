"""Windows along a file: where they start, what is in them, and how often a frame is decoded."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from generated import painted_number, write_clip
from vidcls import VideoClassifier
from vidcls.clips import read_clips
from vidcls.contract import ModelContract
from vidcls.live.file_source import FileWindows
from vidcls.preprocessing import Crop, crop_frame
from vidcls.temporal.windows import sliding_starts


@pytest.fixture(scope="module")
def contract(model: Path) -> ModelContract:
    return VideoClassifier(model, device="cpu").contract


def centre(contract: ModelContract) -> Crop:
    return partial(crop_frame, image=contract.image, crops=1)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (0.0, [0.0]),
        (0.5, [0.0]),
        (2.0, [0.0]),
        (2.0005, [0.0]),  # half a millisecond is nobody's window
        (2.5, [0.0, 0.5]),
        (3.0, [0.0, 1.0]),
        (4.9, [0.0, 1.0, 2.0, 2.9]),
        (5.0, [0.0, 1.0, 2.0, 3.0]),
    ],
)
def test_windows_step_through_the_video_and_end_with_it(duration: float, expected: list[float]) -> None:
    starts = sliding_starts(duration=duration, clip_seconds=2.0, step_seconds=1.0)
    assert starts == pytest.approx(expected, abs=1e-9)


def test_a_step_that_is_no_binary_number_gains_and_loses_no_window() -> None:
    for count in range(1, 400):
        starts = sliding_starts(duration=0.1 * count + 0.8, clip_seconds=0.8, step_seconds=0.1)
        assert len(starts) == count + 1


def test_every_window_holds_the_frames_of_the_rule(contract: ModelContract, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=64, rate=20, width=256, height=192)
    windows = list(FileWindows(clip, contract, step_seconds=0.4, crop=centre(contract)))
    # 3.2 s at 20 fps: a window of 0.8 s holds 16 frames, of which 4 are taken at floor(j * 15 / 3).
    assert [window.start for window in windows] == pytest.approx([0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.4], abs=1e-9)
    for number, window in enumerate(windows):
        expected = [8 * number + pick for pick in (0, 5, 10, 15)]
        np.testing.assert_allclose(window.timestamps, np.array(expected) / 20, atol=1e-9)
        assert painted_number(window.picture) == expected[-1]
        assert window.picture.shape == (192, 256, 3)
        assert window.frames.shape == (1, 4, 32, 32, 3)


def test_windows_show_what_read_views_shows(contract: ModelContract, tmp_path: Path) -> None:
    """Of a video as long as two windows, `views=3` are just the windows that step by half."""
    clip = write_clip(tmp_path / "clip.mp4", frames=40, rate=25)  # 1.6 s
    seen = read_clips(clip, contract, views=3)
    windows = list(FileWindows(clip, contract, step_seconds=0.4, crop=centre(contract)))
    np.testing.assert_allclose([(window.start, window.end) for window in windows], seen.windows, atol=1e-9)
    for window, frames, timestamps in zip(windows, seen.frames, seen.timestamps, strict=True):
        np.testing.assert_array_equal(window.frames, frames[None])
        np.testing.assert_array_equal(window.timestamps, timestamps)


def test_a_frame_in_many_windows_is_cropped_once_and_few_are_kept(contract: ModelContract, tmp_path: Path) -> None:
    cropped = []

    def counting(frame: np.ndarray) -> np.ndarray:
        cropped.append(painted_number(frame))
        return crop_frame(frame, contract.image, crops=1)

    clip = write_clip(tmp_path / "clip.mp4", frames=60, rate=25, width=256, height=192)
    windows = FileWindows(clip, contract, step_seconds=0.04, crop=counting)
    seen_before = []
    for window in windows:
        seen_before.append(len(cropped))
        assert painted_number(window.picture) == cropped[-1]
    assert cropped == sorted(set(cropped))
    assert len(seen_before) == len(windows.starts) == 41
    assert max(np.diff(seen_before)) <= 4  # decoded window by window, not at once


def test_a_video_shorter_than_a_window_is_used_whole(contract: ModelContract, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=2, rate=25)
    (window,) = FileWindows(clip, contract, step_seconds=0.4, crop=centre(contract))
    assert (window.start, window.end) == (0, 0.8)
    np.testing.assert_allclose(window.timestamps, [0, 0, 0, 0.04], atol=1e-9)
