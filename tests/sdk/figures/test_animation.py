from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from vidcls.figures.animation import write_animation


def noise(frames: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(frames, 24, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("ending", [".png", ".webp", ".PNG"])
def test_exact_formats_keep_every_pixel(ending: str, tmp_path: Path) -> None:
    frames = noise(6)
    write_animation(frames, tmp_path / f"out{ending}", seconds=0.6)
    with Image.open(tmp_path / f"out{ending}") as picture:
        found = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(picture)]
        assert picture.info["loop"] == 0
    np.testing.assert_array_equal(np.stack(found), frames)


def test_a_gif_has_every_frame_and_lasts_as_long(tmp_path: Path) -> None:
    write_animation(noise(5), tmp_path / "out.gif", seconds=0.5)
    with Image.open(tmp_path / "out.gif") as picture:
        assert len(list(ImageSequence.Iterator(picture))) == 5
        assert picture.size == (32, 24)
        assert [frame.info["duration"] for frame in ImageSequence.Iterator(picture)] == [100] * 5


def test_a_single_frame_is_a_picture(tmp_path: Path) -> None:
    write_animation(noise(1), tmp_path / "out.png", seconds=1)
    with Image.open(tmp_path / "out.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), noise(1)[0])


@pytest.mark.parametrize("name", ["out.mp4", "out.jpg", "out"])
def test_another_ending_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.gif, \.png, \.webp"):
        write_animation(noise(2), tmp_path / name, seconds=1)
    assert not (tmp_path / name).exists()
