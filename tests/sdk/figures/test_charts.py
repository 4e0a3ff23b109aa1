"""The pictures of a report: what stands where, read from their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generated import write_clip, write_model
from vidcls.clips import read_clips
from vidcls.evaluation.report import write_pictures
from vidcls.figures.charts import Strip, write_confusion, write_contact_sheet
from vidcls.runtime.model import read_contract


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def cells(path: Path, labels: int) -> np.ndarray:
    """The colour of each cell of a confusion matrix, found by its outline: [labels, labels, 3]."""
    picture = pixels(path)
    outline = (picture == (110, 110, 110)).all(axis=2)
    rows = np.flatnonzero(outline.sum(axis=1) > outline.shape[1] / 10)
    columns = np.flatnonzero(outline.sum(axis=0) > outline.shape[0] / 10)
    side = (rows[-1] - rows[0]) / labels
    # A little below the upper left corner of each cell, where no number is.
    points = [round(number * side + 2) for number in range(labels)]
    return picture[np.ix_(rows[0] + np.array(points), columns[0] + np.array(points))]


@pytest.mark.parametrize("labels", [2, 8, 50, 200])
def test_a_confusion_matrix_is_dark_where_its_row_is_and_white_where_it_is_empty(labels: int, tmp_path: Path) -> None:
    counts = np.zeros((labels, labels), int)
    counts[np.arange(labels), (np.arange(labels) * 3 + 1) % labels] = 3
    counts[0] = 0
    counts[0, 1], counts[0, 0] = 9, 1
    names = ["short", "a label with a name so long that it has no room beside any picture", "déjà vu", "左", "Ж"]
    write_confusion(counts.tolist(), (names * labels)[:labels], tmp_path / "c.png", title="a title")
    found = cells(tmp_path / "c.png", labels)
    shades = 255 - found.mean(axis=2)
    assert ((shades > 0) == (counts > 0)).all()
    assert shades[0, 1] > 4 * shades[0, 0] > 0
    assert (shades[1:].max(axis=1) > shades[0, 1]).all()  # a row's whole share is darker than nine tenths of another's


def test_a_contact_sheet_shows_strips_in_order(tmp_path: Path) -> None:
    def clip(*colours: tuple[int, int, int], width: int = 40) -> np.ndarray:
        return np.stack([np.full((30, width, 3), colour, np.uint8) for colour in colours])

    red, green, blue = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    grey = [(value, value, value) for value in range(10, 250, 8)]
    strips = [
        Strip(caption="one " * 60, frames=clip(red, green)),
        Strip(caption="two", frames=clip(blue)),
        Strip(caption="three", frames=clip(*grey, width=400)),
    ]
    write_contact_sheet(strips, tmp_path / "sheet.png", title="title")
    picture = pixels(tmp_path / "sheet.png")

    def place(colour: tuple[int, int, int]) -> tuple[float, float]:
        rows, columns = np.nonzero((picture == colour).all(axis=2))
        return rows.mean(), columns.mean()

    assert place(red)[0] == place(green)[0] < place(blue)[0] < place(grey[0])[0]
    assert place(red)[1] == place(blue)[1] < place(green)[1]
    assert place(grey[0])[1] < place(grey[-1])[1]  # first and last frame of the long one


def test_a_contact_sheet_of_nothing_still_says_so(tmp_path: Path) -> None:
    write_contact_sheet([], tmp_path / "sheet.png", title="Not one of 5 videos is wrong")
    assert (pixels(tmp_path / "sheet.png") < 128).any()


def test_mistakes_are_shown_most_confident_first(tmp_path: Path) -> None:
    labels = ("a", "b", "c")
    contract = read_contract(write_model(tmp_path / "model.onnx", labels=labels))
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
