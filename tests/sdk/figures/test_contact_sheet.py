"""What stands where on a contact sheet, read from its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pictures import pixels
from vidcls.figures.contact_sheet import Strip, write_contact_sheet


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
