"""What tests read from the pixels of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


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
