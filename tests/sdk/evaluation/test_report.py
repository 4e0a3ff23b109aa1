"""The pictures of an evaluation, read from their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from generated import write_clip, write_model
from pictures import cells, pixels
from vidcls import VideoClassifier
from vidcls.clips import read_clips
from vidcls.evaluation.report import write_pictures
from vidcls.figures.confusion import MOST_LABELS
from vidcls.figures.contact_sheet import Strip, write_contact_sheet


def test_mistakes_are_shown_most_confident_first(tmp_path: Path) -> None:
    labels = ("a", "b", "c")
    contract = VideoClassifier(write_model(tmp_path / "model.onnx", labels=labels), device="cpu").contract
    videos = [
        write_clip(tmp_path / f"{number}.mp4", frames=10 + number, width=64 + 16 * number, height=64)
        for number in range(4)
    ]
    logits = np.array([[5, 0, 0], [1, 0, 0], [3, 0, 0], [0, 9, 0]], np.float32)
    write_pictures(tmp_path, name="data", videos=videos, logits=logits, class_ids=[1, 2, 1, 1], contract=contract)
    assert (255 - cells(tmp_path / "confusion.png", 3).mean(axis=2) > 0).tolist() == [
        [False, False, False],
        [True, True, False],
        [True, False, False],
    ]
    expected = [Strip(caption="", frames=read_clips(videos[video], contract).frames[0]) for video in (0, 2, 1)]
    write_contact_sheet(expected, tmp_path / "expected.png", title="data: 3 of 4 videos wrong")
    found, wanted = pixels(tmp_path / "mistakes.png"), pixels(tmp_path / "expected.png")
    tops = [12 + 30 + 20 + row * (26 + 96) for row in range(3)]
    for top in tops:  # below the captions, from the first frame on
        np.testing.assert_array_equal(found[top : top + 96, 12:400], wanted[top : top + 96, 12:400])


def test_names_of_several_lines_are_written_on_one(tmp_path: Path) -> None:
    contract = VideoClassifier(write_model(tmp_path / "model.onnx", labels=("a", "b")), device="cpu").contract
    video, logits = write_clip(tmp_path / "a\nclip.mp4", frames=10), np.array([[5, 0]], np.float32)
    write_pictures(tmp_path, name="my\ndata", videos=[video], logits=logits, class_ids=[1], contract=contract)
    strip = Strip(
        caption=r"'b' (0.01) taken for 'a' at 0.99: a\nclip.mp4", frames=read_clips(video, contract).frames[0]
    )
    write_contact_sheet([strip], tmp_path / "expected.png", title=r"my\ndata: 1 of 1 videos wrong")
    np.testing.assert_array_equal(pixels(tmp_path / "mistakes.png"), pixels(tmp_path / "expected.png"))


@pytest.mark.parametrize(("count", "drawn"), [(MOST_LABELS, True), (MOST_LABELS + 1, False)])
def test_no_matrix_is_drawn_that_nobody_can_look_at(count: int, drawn: bool, tmp_path: Path) -> None:
    labels = tuple(f"label {number}" for number in range(count))
    contract = VideoClassifier(write_model(tmp_path / "model.onnx", labels=labels), device="cpu").contract
    video, logits = write_clip(tmp_path / "clip.mp4", frames=10), np.eye(1, count, dtype=np.float32)
    write_pictures(tmp_path, name="data", videos=[video], logits=logits, class_ids=[1], contract=contract)
    assert (tmp_path / "confusion.png").exists() == drawn
    assert (tmp_path / "mistakes.png").exists()
