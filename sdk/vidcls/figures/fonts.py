"""A font for text in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PIL import ImageFont

# Looked for only where a text has letters that Pillow's own font lacks.
_WORLD_FONTS = ("NotoSansCJK-Regular.ttc", "DejaVuSans.ttf", "Arial Unicode.ttf", "arial.ttf")


def font(size: int, *, texts: Sequence[str]) -> ImageFont.FreeTypeFont:
    """Pillow's own font; where it lacks letters of `texts`, one of the system's that has more, if there is one."""
    if not all(text.isascii() for text in texts):
        for name in _WORLD_FONTS:
            try:
                return ImageFont.truetype(name, size)
            except OSError:
                continue
    return cast("ImageFont.FreeTypeFont", ImageFont.load_default(max(size, 1)))
