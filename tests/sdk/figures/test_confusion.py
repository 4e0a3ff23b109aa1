"""A confusion matrix, read from its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pictures import cells
from vidcls.figures.confusion import write_confusion


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


def test_a_title_of_several_lines_is_written_on_one(tmp_path: Path) -> None:
    for name, title in (("lines.png", "my\ndata"), ("escaped.png", r"my\ndata")):
        write_confusion([[1, 0], [0, 1]], ["a", "b"], tmp_path / name, title=title)
    assert (tmp_path / "lines.png").read_bytes() == (tmp_path / "escaped.png").read_bytes()
