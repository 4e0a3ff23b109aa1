"""A chart's axes: round ticks, and where a value lies between them."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass

from vidcls.pages.markup import Content, Markup, joined, tag

WIDTH, HEIGHT = 400, 310
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 16, 46
_MOST_TICKS = 6


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What an axis shows, from where to where; shares unless said otherwise."""

    label: str
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Axes:
    """Two axes of a chart, with the place of a pair of values in px."""

    x: Axis
    y: Axis

    def across(self, value: float) -> float:
        """Of a value of the x axis, px from the left."""
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (value - self.x.low) / (self.x.high - self.x.low)

    def down(self, value: float) -> float:
        """Of a value of the y axis, px from the top."""
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (self.y.high - value) / (self.y.high - self.y.low)


def spanning(label: str, values: list[float]) -> Axis:
    """An axis from 0 to a round number that no value is above; NaN and infinite ones do not count."""
    top = max((value for value in values if math.isfinite(value)), default=1.0)
    if top <= 0:
        return Axis(label=label)
    step = _step(0.0, top)
    return Axis(label=label, high=step * math.ceil(top / step - 1e-9))


def ticks(axis: Axis) -> list[float]:
    """Round numbers within an axis, at most seven.

    >>> from vidcls.pages.axes import Axis, ticks
    >>> ticks(Axis(label="share")), ticks(Axis(label="epoch", high=64))
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 20.0, 40.0, 60.0])
    """
    step = _step(axis.low, axis.high)
    first, last = math.ceil(axis.low / step - 1e-9), math.floor(axis.high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def drawn_axes(axes: Axes) -> Markup:
    """Grid, ticks and the names of both axes."""
    left, right = axes.across(axes.x.low), axes.across(axes.x.high)
    top, bottom = axes.down(axes.y.high), axes.down(axes.y.low)
    parts: list[Content] = []
    for value in ticks(axes.x):
        x = axes.across(value)
        parts += [
            tag("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"),
            tag("text", _written(value), x=x, y=bottom + 16, text_anchor="middle", class_="tick"),
        ]
    for value in ticks(axes.y):
        y = axes.down(value)
        parts += [
            tag("line", x1=left, x2=right, y1=y, y2=y, class_="grid"),
            tag("text", _written(value), x=left - 7, y=y + 4, text_anchor="end", class_="tick"),
        ]
    middle = (top + bottom) / 2
    return joined(
        [
            *parts,
            tag("polyline", points=f"{left},{top} {left},{bottom} {right},{bottom}", class_="edge"),
            tag("text", axes.x.label, x=(left + right) / 2, y=HEIGHT - 8, text_anchor="middle"),
            tag("text", axes.y.label, transform=f"translate(13 {middle:g}) rotate(-90)", text_anchor="middle"),
        ]
    )


def shortened(text: str, columns: int) -> str:
    """A name in so many columns, those of East Asian characters two wide, its middle left out where it is longer."""
    if _columns(text) <= columns:
        return text
    half = (columns - 1) // 2
    head, tail = "", ""
    while _columns(head + text[len(head)]) <= columns - 1 - half:
        head += text[len(head)]
    while _columns(text[-1 - len(tail)] + tail) <= half:
        tail = text[-1 - len(tail)] + tail
    return f"{head}…{tail}"


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _step(low: float, high: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that gives few enough ticks."""
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _written(value: float) -> str:
    return f"{value:g}"
