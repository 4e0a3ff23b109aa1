"""The pictures of an evaluation, read from their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from generated import write_clip, write_model
from pictures import cells, pixels
from vidcls import VideoClassifier
from vidcls.clips import read_clips
from vidcls.evaluation.report import write_pictures
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
