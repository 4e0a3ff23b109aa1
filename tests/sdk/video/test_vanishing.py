"""Files that are there no more once they are opened: an error of their video's, and the others go on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from generated import write_clip
from vidcls import Prediction, VideoClassifier, VideoError
from vidcls.video import opening
from vidcls.video.opencv_limits import is_picture
from vidcls.video.protocol import Video
from vidcls.video.reader import Decoder, open_video
from vidcls.video.source import cannot_be_opened

GONE = "cannot be read any more (No such file or directory); check that it is still there and that its disk is well"
DECODERS = ["pyav", "opencv"]


@pytest.fixture
def vanishing(clip: Path, tmp_path: Path) -> Path:
    path = tmp_path / "vanishing.avi"
    path.write_bytes(clip.read_bytes())
    return path


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_file_that_vanishes_answers_in_its_place_and_the_rest_go_on(
    decoder: Decoder, vanishing: Path, clip: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_and_delete(video: Video) -> bool:
        if video.name == str(vanishing):
            vanishing.unlink()
        return is_picture(video)

    monkeypatch.setattr(opening, "is_picture", check_and_delete)  # asked once a video is open
    classifier = VideoClassifier(model, device="cpu")
    first, bad, last = classifier.predict_many([clip, vanishing, clip], decoder=decoder)
    assert isinstance(first, Prediction)
    assert str(bad) == f"{vanishing}: {GONE}"
    assert isinstance(bad, VideoError)
    assert isinstance(last, Prediction)


@pytest.mark.parametrize("decoder", DECODERS)
def test_it_is_named_as_it_was_given(decoder: Decoder, vanishing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(vanishing.parent)
    with open_video("vanishing.avi", decoder=decoder) as reader:
        vanishing.unlink()
        with pytest.raises(VideoError) as raised:
            reader.scan()
    assert str(raised.value) == f"vanishing.avi: {GONE}"


def test_one_that_vanishes_before_a_decoder_opens_it_is_one_sentence(vanishing: Path) -> None:
    vanishing.unlink()
    assert cannot_be_opened(str(vanishing)) == GONE


@pytest.mark.parametrize("decoder", DECODERS)
def test_one_that_is_cut_to_its_header_once_it_is_open_answers_in_its_place(
    decoder: Decoder, tmp_path: Path, clip: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a recorder begins a new file of that name."""
    path = write_clip(tmp_path / "cut.avi", frames=50, codec="MJPG")
    header = path.read_bytes().index(b"movi") + 4

    def check_and_cut(video: Video) -> bool:
        if video.name == str(path):
            os.truncate(path, header)
        return is_picture(video)

    monkeypatch.setattr(opening, "is_picture", check_and_cut)  # asked once a video is open
    bad, good = VideoClassifier(model, device="cpu").predict_many([path, clip], decoder=decoder)
    assert isinstance(bad, VideoError)
    assert isinstance(good, Prediction)
