"""Clips as strips of frames, each with a caption, drawn with Pillow alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from vidcls.figures.letters import font, spelled
from vidcls.printable import printable

_MARGIN = 12
FRAMES_SHOWN = 8
_FRAME_HEIGHT = 96
_WIDEST_FRAME = 171  # 16:9
_LONGEST_CAPTION = 800  # characters: two labels and a file's name, each at its longest


@dataclass(frozen=True, kw_only=True, eq=False)
class Strip:
    """A row of a contact sheet. frames: uint8 RGB [T, H, W, 3], of which at most 8 are shown."""

    caption: str
    frames: npt.NDArray[np.uint8]


def write_contact_sheet(strips: Sequence[Strip], path: Path, *, title: str) -> None:
    """Draw clips below each other, each with its caption and frames spread evenly over it.

    >>> import numpy as np
    >>> from pathlib import Path
    >>> from vidcls.figures.contact_sheet import Strip, write_contact_sheet
    >>> frames = np.zeros((16, 64, 64, 3), np.uint8)
    >>> write_contact_sheet([Strip(caption="a black clip", frames=frames)], Path("sheet.png"), title="Clips")
    """
    contact_sheet(strips, title=title).save(path)


def contact_sheet(strips: Sequence[Strip], *, title: str) -> Image.Image:
    """As `write_contact_sheet`, not yet written."""
    title = printable(title)
    names = [spelled(printable(strip.caption, limit=_LONGEST_CAPTION)) for strip in strips]
    captions, heading = font(14, texts=names), font(16, texts=[title])
    rows = [[_scaled(frame) for frame in _spread(strip.frames)] for strip in strips]
    widths = [sum(frame.width for frame in row) + 2 * (len(row) - 1) for row in rows]
    texts = [captions.getlength(name) for name in names]
    width = round(max([heading.getlength(title), *widths, *texts])) + 2 * _MARGIN
    heights = [26 + max(frame.height for frame in row) for row in rows]
    sheet = Image.new("RGB", (width, 2 * _MARGIN + 26 + sum(heights)), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), title, fill="black", font=heading)
    y = _MARGIN + 30
    for name, row, height in zip(names, rows, heights, strict=True):
        draw.text((_MARGIN, y), name, fill="black", font=captions)
        x = _MARGIN
        for frame in row:
            sheet.paste(frame, (x, y + 20))
            x += frame.width + 2
        y += height
    return sheet


def _spread(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    picks = np.linspace(0, len(frames) - 1, min(FRAMES_SHOWN, len(frames))).round().astype(int)
    return np.asarray(frames[picks])


def _scaled(frame: npt.NDArray[np.uint8]) -> Image.Image:
    height, width = frame.shape[:2]
    scale = min(_FRAME_HEIGHT / height, _WIDEST_FRAME / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR if scale < 1 else Image.Resampling.NEAREST)
