"""A confusion matrix as a picture, drawn with Pillow alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from vidcls.figures.letters import font, spelled
from vidcls.printable import printable

_MARGIN = 12
_INK, _FAINT, _LINES = "black", (110, 110, 110), (205, 205, 205)
_FULL = np.array([8, 48, 107])  # the colour of a row's whole share; none of it is white

# Pixels of a cell, by the number of labels that it has to leave room for.
_CELLS = ((12, 44), (30, 32), (60, 22), (150, 14))
_SMALLEST_CELL = 8
# Those of Kinetics-700, which take 100 MB while they are drawn, and with whose square that grows.
MOST_LABELS = 700
_SMALLEST_WITH_COUNT = 22
_LONGEST_LABEL = 34


def write_confusion(confusion: Sequence[Sequence[int]], labels: Sequence[str], path: Path, *, title: str) -> None:
    """Draw a confusion matrix of counts: rows are true labels, columns predicted ones, shades shares of the row.

    Of more than 700 labels it is larger than anyone can look at, and takes gigabytes.

    >>> from pathlib import Path
    >>> from vidcls.figures.confusion import write_confusion
    >>> write_confusion([[9, 1], [0, 10]], ["clap", "wave"], Path("confusion.png"), title="20 videos")
    """
    cell = next((pixels for most, pixels in _CELLS if len(labels) <= most), _SMALLEST_CELL)
    title = printable(title)
    names = [_shortened(spelled(label)) for label in labels]
    text, heading = font(min(14, cell - 1), texts=names), font(16, texts=[title])
    beside = max(round(text.getlength(name)) for name in names)
    left, top = _MARGIN + 20 + beside + 8, _MARGIN + 30
    side = cell * len(labels)
    width = max(left + side, left + round(heading.getlength(title))) + _MARGIN
    sheet = Image.new("RGB", (width, top + side + 8 + beside + 24 + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((left, _MARGIN), title, fill=_INK, font=heading)
    _draw_cells(draw, np.asarray(confusion), left=left, top=top, cell=cell)
    for number, name in enumerate(names):
        offset = number * cell
        draw.line((left, top + offset, left + side, top + offset), fill=_LINES)
        draw.line((left + offset, top, left + offset, top + side), fill=_LINES)
        draw.text((left - 8, top + offset + cell / 2), name, fill=_INK, font=text, anchor="rm")
        _write_upwards(sheet, name, text, x=left + offset + cell // 2, top=top + side + 8, fill=_INK)
    draw.rectangle((left, top, left + side, top + side), outline=_FAINT)
    axis = font(14, texts=[])
    draw.text((left + side / 2, sheet.height - _MARGIN), "predicted", fill=_FAINT, font=axis, anchor="ms")
    middle = top + side / 2 - axis.getlength("true") / 2
    _write_upwards(sheet, "true", axis, x=_MARGIN + 6, top=round(middle), fill=_FAINT)
    sheet.save(path)


def _draw_cells(draw: ImageDraw.ImageDraw, counts: npt.NDArray[np.integer], *, left: int, top: int, cell: int) -> None:
    """A shade for each cell that is not empty, and its count where there is room."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    small = font(min(13, cell // 2 + 1), texts=[])
    for row, column in np.argwhere(counts).tolist():
        x, y = left + column * cell, top + row * cell
        shade = tuple(int(value) for value in np.round(255 + (_FULL - 255) * (0.08 + 0.92 * shares[row, column])))
        draw.rectangle((x, y, x + cell, y + cell), fill=shade)
        if cell >= _SMALLEST_WITH_COUNT:
            ink = "white" if shares[row, column] > 0.45 else _INK
            draw.text((x + cell / 2, y + cell / 2), str(counts[row, column]), fill=ink, font=small, anchor="mm")


def _write_upwards(
    sheet: Image.Image, text: str, letters: ImageFont.FreeTypeFont, *, x: int, top: int, fill: str | tuple[int, ...]
) -> None:
    """Write from below to `top`, the middle of the letters at `x`."""
    _, above, length, below = letters.getbbox(text, anchor="ls")
    line = Image.new("L", (max(1, round(length)), max(1, round(below - above))))
    ImageDraw.Draw(line).text((0, -above), text, fill=255, font=letters, anchor="ls")
    upright = line.transpose(Image.Transpose.ROTATE_90)
    sheet.paste(Image.new("RGB", upright.size, fill), (x - upright.width // 2, top), mask=upright)


def _shortened(label: str) -> str:
    half = _LONGEST_LABEL // 2 - 1
    return label if len(label) <= _LONGEST_LABEL else f"{label[:half]}...{label[-half:]}"
