"""The picture of the frames that a model is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generated import write_clip, write_model
from vidcls import VideoClassifier, VideoError, preview
from vidcls.clips import read_clips
from vidcls.figures.contact_sheet import Strip, contact_sheet


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> VideoClassifier:
    model = write_model(tmp_path_factory.mktemp("model") / "model.onnx", frames=10, size=96)
    return VideoClassifier(model, device="cpu")


def test_every_frame_of_every_view_is_in_the_picture_as_the_model_is_given_it(
    classifier: VideoClassifier, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.avi", frames=50, codec="MJPG")
    given = read_clips(clip, classifier.contract, views=2).frames
    picture = np.asarray(preview(classifier, clip, views=2))
    # 96 px high frames are shown at their own size: each is found where the layout of a contact sheet has it.
    tops = [62 + (26 + 96) * strip for strip in range(4)]
    places = [(tops[2 * view + number // 8], 12 + (96 + 2) * (number % 8)) for view in range(2) for number in range(10)]
    for (top, left), frame in zip(places, given.reshape(-1, 96, 96, 3), strict=True):
        np.testing.assert_array_equal(picture[top : top + 96, left : left + 96], frame)


def test_a_missing_video_is_named(classifier: VideoClassifier) -> None:
    with pytest.raises(VideoError, match=r"gone\.avi: there is no such file"):
        preview(classifier, "gone.avi")


def test_it_is_a_picture_that_notebooks_show(classifier: VideoClassifier, tmp_path: Path) -> None:
    shown = preview(classifier, write_clip(tmp_path / "옷.mp4", frames=10), region=(0.5, 0.0, 1.0, 1.0))
    assert isinstance(shown, Image.Image)
    assert contact_sheet([Strip(caption="", frames=np.zeros((1, 96, 96, 3), np.uint8))], title="").mode == shown.mode
    assert (np.asarray(shown) < 128).any()
