"""What the model sees of a video, against frames painted with their number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from generated import CHECKPOINT_SECTIONS, contract_fields, painted_number, write_clip
from vidcls.clips import SampledClips, check_views, read_clips
from vidcls.contract import Contract, from_json

# A division in floats, against a frame of 40 ms.
SECONDS = 1e-6


def contract(**kind: object) -> Contract:
    fields = contract_fields(**kind)  # type: ignore[arg-type]
    checkpoint = {name: fields[name] for name in CHECKPOINT_SECTIONS}
    return from_json(Contract, json.dumps(checkpoint), where="test")


# Stretched, so that no crop cuts off the bars that number a frame.
STRETCH = {"resize": "stretch"}


def numbers(seen: SampledClips) -> list[list[int]]:
    return [[painted_number(frame) for frame in view] for view in seen.frames]


def test_one_view_lies_in_the_middle(clip: Path) -> None:
    seen = read_clips(clip, contract(frames=5, **STRETCH))
    # 2 s long: the window is [0.6, 1.4), frames 15 to 34.
    assert seen.windows == [pytest.approx((0.6, 1.4), abs=SECONDS)]
    assert numbers(seen) == [[15, 19, 24, 29, 34]]
    np.testing.assert_allclose(seen.timestamps, np.array([[15, 19, 24, 29, 34]]) / 25, atol=SECONDS)
    assert seen.frames.dtype == np.uint8
    assert seen.frames.shape == (1, 5, 32, 32, 3)


def test_views_are_spread_over_the_video(clip: Path) -> None:
    seen = read_clips(clip, contract(frames=2, **STRETCH), views=3)
    assert seen.windows == [pytest.approx(window, abs=SECONDS) for window in [(0, 0.8), (0.6, 1.4), (1.2, 2.0)]]
    assert numbers(seen) == [[0, 19], [15, 34], [30, 49]]
    np.testing.assert_allclose(seen.timestamps, np.array([[0, 19], [15, 34], [30, 49]]) / 25, atol=SECONDS)


def test_crops_of_a_view_are_neighbours_and_share_its_timestamps(clip: Path) -> None:
    seen = read_clips(clip, contract(frames=2), views=2, crops=3)
    assert seen.frames.shape == (6, 2, 32, 32, 3)
    assert seen.timestamps.shape == (2, 2)
    assert len(seen.windows) == 2
    capture = cv2.VideoCapture(str(clip))
    for view, indices in enumerate([(0, 19), (30, 49)]):
        for position, index in enumerate(indices):
            capture.set(cv2.CAP_PROP_POS_FRAMES, index)
            frame = PillowImage.fromarray(capture.read()[1][..., ::-1].copy())
            resized = np.asarray(frame.resize((42, 32), PillowImage.Resampling.BILINEAR))
            for crop, left in enumerate([0, 5, 10]):
                np.testing.assert_array_equal(seen.frames[view * 3 + crop, position], resized[:, left : left + 32])


def test_frames_used_by_several_views_are_the_same_pixels(clip: Path) -> None:
    seen = read_clips(clip, contract(frames=4, clip_seconds=1.9), views=4)
    alone: dict[float, np.ndarray] = {}
    for view, times in zip(seen.frames, seen.timestamps, strict=True):
        for frame, time in zip(view, times, strict=True):
            np.testing.assert_array_equal(alone.setdefault(time, frame), frame)
    assert len(alone) < 16


def test_a_short_video_is_repeated_evenly(tmp_path: Path) -> None:
    seen = read_clips(write_clip(tmp_path / "short.mp4", frames=3, rate=25), contract(frames=8, **STRETCH))
    assert numbers(seen) == [[0, 0, 0, 0, 1, 1, 1, 2]]
    assert seen.windows == [(0.0, 0.8)]


def test_time_is_spent_somewhere(clip: Path) -> None:
    seen = read_clips(clip, contract())
    assert seen.decode_ms > 0
    assert seen.crop_ms > 0


@pytest.mark.parametrize(("views", "crops"), [(0, 1), (-1, 1), (1, 0), (1, 2), (1, 4)])
def test_views_and_crops_out_of_range_are_refused(views: int, crops: int, clip: Path) -> None:
    with pytest.raises(ValueError, match="expected"):
        check_views(contract(), views=views, crops=crops)
    with pytest.raises(ValueError, match="expected"):
        read_clips(clip, contract(), views=views, crops=crops)


@pytest.mark.parametrize("views", ["5", None, 2.0, True])
def test_views_of_another_type_are_refused(views: Any) -> None:
    with pytest.raises(TypeError, match="expected a whole number from 1 to 1000"):
        check_views(contract(), views=views, crops=1)


def test_a_stretching_model_has_one_crop(clip: Path) -> None:
    stretching = contract(**STRETCH)
    assert read_clips(clip, stretching, views=2).frames.shape == (2, 4, 32, 32, 3)
    with pytest.raises(ValueError, match="stretches"):
        read_clips(clip, stretching, crops=3)


def test_crops_that_are_a_text_are_not_said_to_be_the_number(clip: Path) -> None:
    with pytest.raises(ValueError, match="crops is '3', expected the number 1 or 3"):
        read_clips(clip, contract(), crops="3")  # type: ignore[arg-type]
