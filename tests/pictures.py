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


def crossing_waves() -> np.ndarray:
    """float32 [1, 3, 224, 224], from -1 to 1: a picture by a formula, with no library's random numbers in it."""
    row, column = np.mgrid[:224, :224].astype(np.float64)
    waves = [np.sin(row / (5 + 7 * colour)) * np.cos(column / (9 + 4 * colour)) for colour in range(3)]
    return np.stack(waves)[None].astype(np.float32)
