"""Pictures of an explanation: what is drawn where, and that every kind of file can be opened."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from region_model import REGION, write_region_model
from vidcls import Explanation, VideoClassifier
from vidcls.figures.heat_map import explained_frames, sheet, write_picture


@pytest.fixture(scope="module")
def explanation(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Explanation:
    """Of a clip of colours, in which the region's light is what counts."""
    model = write_region_model(tmp_path_factory.mktemp("region") / "model.onnx")
    return VideoClassifier(model, device="cpu").explain(clip, runs=150)


def test_frames_stand_beside_their_map(explanation: Explanation) -> None:
    pictures = explained_frames(explanation)
    assert pictures.dtype == np.uint8
    assert len(pictures) == 4
    side = 320
    top = 60  # below the heading; the first row of the frame is sought from there
    top += next(row for row in range(20) if (pictures[0, top + row : top + row + 2, 13] != 255).any())
    for number, picture in enumerate(pictures):
        left = picture[top : top + side, 12 : 12 + side]
        np.testing.assert_array_equal(left[5::10, 5::10], explanation.frames[number])
        right = picture[top : top + side, 12 + side : 12 + 2 * side]
        coloured = np.ptp(right[5::10, 5::10].astype(int), axis=-1)
        heat = explanation.importance[number]
        around = np.asarray(cv2.dilate(heat, np.ones((3, 3))))
        assert (coloured[around == 0] == 0).all()  # grey
        assert (coloured[heat > 0.5] > 20).all()
    brightest = np.unravel_index(explanation.importance.argmax(), explanation.importance.shape)
    assert brightest[0] == REGION[0].start


def test_the_sheet_has_every_frame(explanation: Explanation) -> None:
    picture = sheet(explanation)
    assert picture.shape[1] == 4 * 320 + 24
    assert picture.shape[0] > 320


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_an_animation_has_every_frame(ending: str, explanation: Explanation, tmp_path: Path) -> None:
    write_picture(explanation, tmp_path / f"why{ending}")
    with Image.open(tmp_path / f"why{ending}") as picture:
        assert len(list(ImageSequence.Iterator(picture))) == 4
        assert picture.size[0] == 2 * 320 + 24


def test_a_sheet_is_a_picture(explanation: Explanation, tmp_path: Path) -> None:
    write_picture(explanation, tmp_path / "why.png")
    with Image.open(tmp_path / "why.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), sheet(explanation))
