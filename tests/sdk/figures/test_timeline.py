"""The picture of a timeline, read from its pixels. What `vidcls timeline --plot` makes of it: tests/sdk/temporal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictures import pixels
from vidcls import Segment
from vidcls.figures.timeline import COLOURS, NOTHING_KNOWN, WIDTH, check_format, write_timeline


def test_bands_stand_in_the_order_of_labels_and_time(tmp_path: Path) -> None:
    found = [
        Segment(start=0.0, end=3.0, label="wave", score=1.0),
        Segment(start=3.0, end=10.0, label="左", score=1.0),
    ]
    thumbnails = [Image.new("RGB", (100, 80), (1, 2, 3))] * 10
    path = tmp_path / "timeline.png"
    write_timeline(path, found, labels=["左", "unused", "wave"], duration=10.0, thumbnails=thumbnails)
    picture = pixels(path)
    assert picture.shape[1] == WIDTH
    columns = {}
    for row, label in enumerate(("左", "wave")):
        rows, xs = np.nonzero((picture == COLOURS[row]).all(axis=2))
        columns[label] = (xs.min(), xs.max(), rows.mean())
    assert columns["左"][2] < columns["wave"][2]
    assert columns["wave"][1] < columns["左"][0]
    lengths = {label: last - first for label, (first, last, _) in columns.items()}
    assert lengths["左"] / lengths["wave"] == pytest.approx(7 / 3, rel=0.02)


@pytest.mark.parametrize("others", [[], [Segment(start=5.0, end=10.0, label="wave", score=1.0)]])
def test_a_stretch_in_which_nothing_known_happens_is_grey_and_has_no_band(
    others: list[Segment], tmp_path: Path
) -> None:
    found = [Segment(start=0.0, end=5.0, label=None, score=0.8), *others]
    path = tmp_path / "timeline.png"
    thumbnails = [Image.new("RGB", (100, 80), (1, 2, 3))] * 10
    write_timeline(path, found, labels=["jump", "wave"], duration=10.0, thumbnails=thumbnails)
    picture = pixels(path)
    xs = np.nonzero((picture == NOTHING_KNOWN).all(axis=2))[1]
    left = 32 + (0 if not others else round(xs.min()) - 32)
    assert (xs.max() - xs.min()) / (WIDTH - 16 - left) == pytest.approx(0.5, abs=0.02)
    bands = np.nonzero((picture == COLOURS[0]).all(axis=2))[1]
    assert len(bands) == 0 if not others else bands.min() > xs.max() - 2


def test_a_name_that_is_no_picture_is_refused() -> None:
    check_format(Path("timeline.PNG"))
    with pytest.raises(ValueError, match=r"timeline\.txt: no format of pictures has this ending"):
        check_format(Path("timeline.txt"))
