"""Stage by stage against the reference: times, windows, indices, decoded, cropped and normalised pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest

from parity import reference
from slow import slow
from vidcls.clips import read_clips
from vidcls.contract import Contract, from_json
from vidcls.preprocessing import normalise
from vidcls.sampling import sample_views
from vidcls.video.reader import iter_frames, read_times

# Exact fractions against the floats of a container's clock; a frame lasts a thousand times longer.
SECONDS = 1e-6

# Of the real files made to break decoders, those whose frames are whole: what a decoder paints over damage is its
# own affair. OpenCV's wheel has no AV1.
ODD = [
    "decord_video_0.mov",
    "decord_video_90.mov",
    "fightsurv_fi075.mp4",
    "gmdcsa_s4_fall02_vfr_yuvj.mp4",
    "imageio_realshort.mp4",
    "moviepy_big_buck_bunny_432_433.webm",
    "mp4parse_hevc_white_frame.mp4",
    "torchcodec_h265_video.mp4",
    "torchcodec_nasa_13013.mp4",
]


def contract(fields: dict[str, Any]) -> Contract:
    return from_json(Contract, json.dumps(fields), where="test")


def assert_same_views(path: Path, settings: dict[str, Any], *, views: int, crops: int) -> None:
    """Windows and timestamps to a millionth of a second, pixels and tensors bit for bit."""
    windows, timestamps, clips = reference.clip_pixels(path, settings, views=views, crops=crops)
    seen = read_clips(path, contract(settings), views=views, crops=crops)
    expected_windows = [(float(window.start), float(window.end)) for window in windows]
    np.testing.assert_allclose(seen.windows, expected_windows, atol=SECONDS, rtol=0, err_msg=str(path))
    np.testing.assert_allclose(seen.timestamps, timestamps, atol=SECONDS, rtol=0, err_msg=str(path))
    assert np.array_equal(seen.frames, clips), f"{path}: the pixels differ"
    ours = normalise(seen.frames[:1], contract(settings).image)
    theirs = reference.pixel_values(clips[:1], settings["image"]).numpy()
    assert np.array_equal(ours, theirs), f"{path}: the normalised values differ"


def test_every_frame_has_the_references_time(clip: Path) -> None:
    expected = [float(time) for time in reference.frame_times(clip)]
    np.testing.assert_allclose(read_times(clip), expected, atol=SECONDS, rtol=0)


@pytest.mark.parametrize("views", [1, 2, 5])
def test_views_take_the_references_frames(views: int, clip: Path, settings: dict[str, Any]) -> None:
    expected = reference.windows(reference.frame_times(clip), settings["sampling"], views=views)
    frames, clip_seconds = settings["sampling"]["frames"], settings["sampling"]["clip_seconds"]
    found = sample_views(read_times(clip), frames=frames, clip_seconds=clip_seconds, views=views)
    assert [list(view.indices) for view in found] == [window.indices for window in expected]


def test_decoded_pixels_are_the_references_bit_for_bit(clip: Path) -> None:
    expected = reference.upright_frames(clip, set(range(reference.count_frames(clip))))
    for index, frame in zip(expected, iter_frames(clip, list(expected)), strict=True):
        np.testing.assert_array_equal(frame, expected[index])


@pytest.mark.parametrize(
    ("views", "crops"), [(1, 1), (5, 3), pytest.param(5, 1, marks=slow), pytest.param(1, 3, marks=slow)]
)
def test_a_model_sees_the_references_pixels_bit_for_bit(
    views: int, crops: int, clip: Path, settings: dict[str, Any]
) -> None:
    possible = 1 if settings["image"]["resize"] == "stretch" else crops
    if settings["image"]["resize"] == "stretch" and int(PIL.__version__.partition(".")[0]) < 13:
        pytest.skip("the reference's Pillow filters the rows of every frame first, unlike vidcls in any version")
    assert_same_views(clip, settings, views=views, crops=possible)


@pytest.mark.parametrize("views", [pytest.param(1, marks=slow), 5])  # the middle one of five is that one
def test_62_real_clips_are_seen_as_by_the_reference(
    views: int, real_data: Path, published_settings: dict[str, Any]
) -> None:
    settings = published_settings | {"image": published_settings["image"] | {"resize_size": 112, "crop_size": 112}}
    clips = sorted((real_data / "ucf8" / "test").rglob("*.avi"))
    assert len(clips) == 62
    for path in clips:
        assert_same_views(path, settings, views=views, crops=1)


@pytest.mark.parametrize("name", ODD)
def test_odd_real_files_are_seen_as_by_the_reference(
    name: str, real_data: Path, published_settings: dict[str, Any]
) -> None:
    path = real_data / "odd" / name
    expected = [float(time) for time in reference.frame_times(path)]
    np.testing.assert_allclose(read_times(path), expected, atol=SECONDS, rtol=0)
    assert_same_views(path, published_settings, views=5, crops=3)
