"""Real files that broke other readers: their exact frames, or the error that says why there are none.

Of every file all times are compared, and every 25th frame; with VIDCLS_FULL_MATRIX=1 every frame.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from parity import reference
from vidcls import VideoError
from vidcls.video.reader import iter_frames, read_times

# Exact fractions against the floats of a container's clock; a frame lasts a thousand times longer.
SECONDS = 1e-6

FULL = os.environ.get("VIDCLS_FULL_MATRIX") == "1"

# How many frames each gives, up to the first that cannot be decoded.
FRAMES = {
    "decord_corrupted.mp4": 28,
    "decord_video_0.mov": 3,
    "decord_video_90.mov": 3,
    "fightsurv_fi075.mp4": 94,
    "gmdcsa_s4_fall02_vfr_yuvj.mp4": 89,
    "imageio_cockatoo.mp4": 280,
    "imageio_realshort.mp4": 36,
    "moviepy_big_buck_bunny_432_433.webm": 24,
    "mp4parse_hevc_white_frame.mp4": 1,
    "mp4parse_no_timescale.mp4": 8,
    "torchcodec_av1_video.mkv": 125,
    "torchcodec_h265_video.mp4": 10,
    "torchcodec_nasa_13013.mp4": 390,
}

# From the first frame on damaged: what a decoder paints over the holes depends on its number of threads.
PAINTED_OVER = {"mp4parse_no_timescale.mp4"}

# Why there are none.
REFUSED = {
    "moviepy_zero_bytes.webm": "the file is empty",
    "mp4parse_bipbop_nonfragment_header.mp4": "no frame can be decoded",  # a header whose media lie elsewhere
    "torchcodec_nasa_13013.mp4.audio.mp3": "no pictures|cannot be opened as a video",
}


def test_every_odd_file_has_its_place_in_these_tables(real_data: Path) -> None:
    names = {path.name for path in (real_data / "odd").iterdir()}
    assert FRAMES.keys() | REFUSED.keys() == names
    assert not FRAMES.keys() & REFUSED.keys()


@pytest.mark.parametrize("name", FRAMES)
def test_every_frame_is_the_references_bit_for_bit(name: str, real_data: Path) -> None:
    path = real_data / "odd" / name
    expected = [float(time) for time in reference.frame_times(path)]
    assert len(expected) == FRAMES[name]
    np.testing.assert_allclose(read_times(path), expected, atol=SECONDS, rtol=0)
    if name in PAINTED_OVER:
        return
    wanted = range(len(expected)) if FULL else sorted({*range(0, len(expected), 25), len(expected) - 1})
    theirs = reference.upright_frames(path, set(wanted))
    for index, frame in zip(wanted, iter_frames(path, wanted), strict=True):
        np.testing.assert_array_equal(frame, theirs[index])


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_file_without_a_frame_is_refused_by_name(name: str, decoder: str, real_data: Path) -> None:
    path = real_data / "odd" / name
    with pytest.raises(VideoError, match=REFUSED[name]) as caught:
        read_times(path, decoder=decoder)  # type: ignore[arg-type]
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["decord_corrupted.mp4", "mp4parse_no_timescale.mp4", "torchcodec_h265_video.mp4"])
def test_the_decoders_agree_on_where_a_damaged_file_ends(name: str, real_data: Path) -> None:
    path = real_data / "odd" / name
    np.testing.assert_allclose(read_times(path, decoder="pyav"), read_times(path), atol=SECONDS, rtol=0)
