"""A part of the picture, as shares of it: checked, read, written, and in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import TypeAlias

from vidcls.errors import ArgumentError

# Left, top, right and bottom of a part of the picture, as shares of its width and height.
Region: TypeAlias = tuple[float, float, float, float]

# As of a video (vidcls.video.source): resized, a region thinner than this would become as long as a book.
MAX_PROPORTION = 100


def check_region(region: Region | None) -> None:
    """Raise TypeError or ValueError unless `region` is None, or a part of the picture: left, top, right, bottom."""
    if region is None:
        return
    edges = "left, top, right and bottom, as shares of the picture"
    if not isinstance(region, tuple | list) or not all(_is_number(share) for share in region):
        raise TypeError(f"region is {region!r}, expected a tuple of 4 numbers: {edges}")
    if len(region) != 4 or not all(0 <= share <= 1 for share in region):
        raise ArgumentError(f"region is {_shown(region)}, expected 4 numbers from 0 to 1: {edges}")
    left, top, right, bottom = region
    if not (left < right and top < bottom):
        raise ArgumentError(f"region is {_shown(region)}, expected left less than right, and top less than bottom")


def parse_region(text: str) -> Region:
    """A region as people write it: left, top, right and bottom with commas between them.

    Raises:
        ValueError: it is none.

    >>> from vidcls.region import parse_region
    >>> parse_region("0.5,0,1,1")
    (0.5, 0.0, 1.0, 1.0)
    """
    try:
        left, top, right, bottom = (float(share) for share in text.split(","))
    except ValueError:
        raise ArgumentError(
            f"region is '{text}', expected left,top,right,bottom as shares of the picture, such as 0.5,0,1,1"
        ) from None
    check_region((left, top, right, bottom))
    return left, top, right, bottom


def region_text(region: Region) -> str:
    """What `parse_region` makes this region of.

    >>> from vidcls.region import region_text
    >>> region_text((0.5, 0.0, 1.0, 1.0))
    '0.5,0,1,1'
    """
    return ",".join(repr(float(share)).removesuffix(".0") for share in region)


def region_box(region: Region, *, width: int, height: int) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) in pixels of a region of a picture.

    An edge lies at floor(share * pixels + 1/2), computed in float64: between the two pixels that it is nearest to. So
    regions that share an edge neither overlap nor leave pixels out, and (0, 0, 1, 1) is the whole picture.

    Args:
        region: left, top, right, bottom, each 0 to 1.
        width, height: of the picture, in pixels.

    Raises:
        ValueError: it is less than a pixel wide or high, or thinner than any video may be.
        TypeError, ValueError: it is no region.

    >>> from vidcls.region import region_box
    >>> region_box((0.5, 0.0, 1.0, 1.0), width=1919, height=1080)
    (960, 0, 1919, 1080)
    """
    check_region(region)
    left, right = (math.floor(float(region[side]) * width + 0.5) for side in (0, 2))
    top, bottom = (math.floor(float(region[side]) * height + 0.5) for side in (1, 3))
    size = (right - left, bottom - top)
    of_picture = f"region {_shown(region)} of a picture of {width} x {height} pixels is {size[0]} x {size[1]} pixels"
    if min(size) < 1:
        raise ArgumentError(f"{of_picture}, expected at least 1 x 1; take a larger one")
    if max(size) > MAX_PROPORTION * min(size):
        raise ArgumentError(f"{of_picture}, expected at most {MAX_PROPORTION} times as long as wide; take a wider one")
    return left, top, right, bottom


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _shown(region: Sequence[float]) -> str:
    return str(tuple(float(share) for share in region))
