"""Numbers and names as findings write them, and the name of the report's files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

# Each with its ending.
REPORT_NAME = "data-report"


def counted(number: int, thing: str) -> str:
    """A number and what it counts.

    Example:
        >>> counted(1, "clip"), counted(2, "clip")
        ('1 clip', '2 clips')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def first_names(videos: Sequence[str]) -> str:
    """The names of the first three videos, and how many more there are.

    Example:
        >>> first_names(["a/1.mp4", "a/2.mp4", "b/3.mp4", "b/4.mp4"])
        '1.mp4, 2.mp4, 3.mp4 and 1 more'
    """
    names = ", ".join(Path(video).name for video in videos[:3])
    return names if len(videos) <= 3 else f"{names} and {len(videos) - 3} more"


def three_digits(value: float) -> str:
    """A number with the three digits that people read.

    Example:
        >>> three_digits(1234.5), three_digits(30.0), three_digits(29.97)
        ('1234', '30', '30')
    """
    return f"{value:.0f}" if abs(value) >= 100 or math.isclose(value, round(value)) else f"{value:.3g}"
