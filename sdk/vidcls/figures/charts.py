"""Pictures of a report, drawn with Pillow alone: a confusion matrix, and clips as strips of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

_MARGIN = 12
_INK, _FAINT, _LINES = "black", (110, 110, 110), (205, 205, 205)
_FULL = np.array([8, 48, 107])  # the colour of a row's whole share; none of it is white

# Pixels of a cell, by the number of labels that it has to leave room for.
_CELLS = ((12, 44), (30, 32), (60, 22), (150, 14))
_SMALLEST_CELL = 8
_SMALLEST_WITH_COUNT = 22
_LONGEST_LABEL = 34

_FRAMES_SHOWN = 8
_FRAME_HEIGHT = 96
_WIDEST_FRAME = 171  # 16:9

# Looked for only where a text has letters that Pillow's own font lacks.
_WORLD_FONTS = ("NotoSansCJK-Regular.ttc", "DejaVuSans.ttf", "Arial Unicode.ttf", "arial.ttf")


@dataclass(frozen=True, kw_only=True, eq=False)
class Strip:
    """A row of a contact sheet. frames: uint8 RGB [T, H, W, 3], of which at most 8 are shown."""

    caption: str
    frames: npt.NDArray[np.uint8]


def write_confusion(confusion: Sequence[Sequence[int]], labels: Sequence[str], path: Path, *, title: str) -> None:
    """Draw a confusion matrix of counts: rows are true labels, columns predicted ones, shades shares of the row."""
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell = next((pixels for most, pixels in _CELLS if len(labels) <= most), _SMALLEST_CELL)
    names = [_shortened(label) for label in labels]
    font, small = _font(min(14, cell - 1), names), _font(min(13, cell // 2 + 1), [])
    heading = _font(16, [title])
    beside = max(round(font.getlength(name)) for name in names)
    left, top = _MARGIN + 20 + beside + 8, _MARGIN + 30
    side = cell * len(labels)
    width = max(left + side, left + round(heading.getlength(title))) + _MARGIN
    sheet = Image.new("RGB", (width, top + side + 8 + beside + 24 + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((left, _MARGIN), title, fill=_INK, font=heading)
    for row in range(len(labels)):
        for column in range(len(labels)):
            if not counts[row, column]:
                continue
            x, y = left + column * cell, top + row * cell
            shade = tuple(int(value) for value in np.round(255 + (_FULL - 255) * (0.08 + 0.92 * shares[row, column])))
            draw.rectangle((x, y, x + cell, y + cell), fill=shade)
            if cell >= _SMALLEST_WITH_COUNT:
                ink = "white" if shares[row, column] > 0.45 else _INK
                draw.text((x + cell / 2, y + cell / 2), str(counts[row, column]), fill=ink, font=small, anchor="mm")
    for number, name in enumerate(names):
        offset = number * cell
        draw.line((left, top + offset, left + side, top + offset), fill=_LINES)
        draw.line((left + offset, top, left + offset, top + side), fill=_LINES)
        draw.text((left - 8, top + offset + cell / 2), name, fill=_INK, font=font, anchor="rm")
        _write_upwards(sheet, name, font, x=left + offset + cell // 2, top=top + side + 8)
    draw.rectangle((left, top, left + side, top + side), outline=_FAINT)
    axis = _font(14, [])
    draw.text((left + side / 2, sheet.height - _MARGIN), "predicted", fill=_FAINT, font=axis, anchor="ms")
    _write_upwards(
        sheet, "true", axis, x=_MARGIN + 6, top=round(top + side / 2 - axis.getlength("true") / 2), fill=_FAINT
    )
    sheet.save(path)


def write_contact_sheet(strips: Sequence[Strip], path: Path, *, title: str) -> None:
    """Draw clips below each other, each with its caption and frames spread evenly over it."""
    contact_sheet(strips, title=title).save(path)


def contact_sheet(strips: Sequence[Strip], *, title: str) -> Image.Image:
    """As `write_contact_sheet`, not yet written."""
    font, heading = _font(14, [strip.caption for strip in strips]), _font(16, [title])
    rows = [[_scaled(frame) for frame in _spread(strip.frames)] for strip in strips]
    widths = [sum(frame.width for frame in row) + 2 * (len(row) - 1) for row in rows]
    texts = [font.getlength(strip.caption) for strip in strips]
    width = round(max([heading.getlength(title), *widths, *texts])) + 2 * _MARGIN
    heights = [26 + max(frame.height for frame in row) for row in rows]
    sheet = Image.new("RGB", (width, 2 * _MARGIN + 26 + sum(heights)), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), title, fill=_INK, font=heading)
    y = _MARGIN + 30
    for strip, row, height in zip(strips, rows, heights, strict=True):
        draw.text((_MARGIN, y), strip.caption, fill=_INK, font=font)
        x = _MARGIN
        for frame in row:
            sheet.paste(frame, (x, y + 20))
            x += frame.width + 2
        y += height
    return sheet


def _spread(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    picks = np.linspace(0, len(frames) - 1, min(_FRAMES_SHOWN, len(frames))).round().astype(int)
    return np.asarray(frames[picks])


def _scaled(frame: npt.NDArray[np.uint8]) -> Image.Image:
    height, width = frame.shape[:2]
    scale = min(_FRAME_HEIGHT / height, _WIDEST_FRAME / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR if scale < 1 else Image.Resampling.NEAREST)


def _write_upwards(
    sheet: Image.Image, text: str, font: ImageFont.FreeTypeFont, *, x: int, top: int, fill: str | tuple[int, ...] = _INK
) -> None:
    """Write from below to `top`, the middle of the letters at `x`."""
    _, above, length, below = font.getbbox(text, anchor="ls")
    line = Image.new("L", (max(1, round(length)), max(1, round(below - above))))
    ImageDraw.Draw(line).text((0, -above), text, fill=255, font=font, anchor="ls")
    upright = line.transpose(Image.Transpose.ROTATE_90)
    sheet.paste(Image.new("RGB", upright.size, fill), (x - upright.width // 2, top), mask=upright)


def _shortened(label: str) -> str:
    half = _LONGEST_LABEL // 2 - 1
    return label if len(label) <= _LONGEST_LABEL else f"{label[:half]}...{label[-half:]}"


def _font(size: int, texts: Sequence[str]) -> ImageFont.FreeTypeFont:
    """Pillow's own font; where it lacks letters of `texts`, one of the system's that has more, if there is one."""
    if not all(text.isascii() for text in texts):
        for name in _WORLD_FONTS:
            try:
                return ImageFont.truetype(name, size)
            except OSError:
                continue
    return cast("ImageFont.FreeTypeFont", ImageFont.load_default(max(size, 1)))
