"""Charts as inline SVG: curves, reliability diagrams, bars with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vidcls.evaluation.curves import Bin
from vidcls.pages.axes import HEIGHT, WIDTH, Axes, Axis, drawn_axes, shortened
from vidcls.pages.markup import Content, Markup, joined, name, tag

KINDS = 8  # of lines that can be kept apart by colour and dashes
_MOST_POINTS = 160  # of a curve; more are finer than a screen
_MOST_TIPS = 40
_CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """A curve. kind: "c0" to "c7", or "whole" for the one that stands for all."""

    name: str
    x: Sequence[float] | npt.NDArray[np.floating]
    y: Sequence[float] | npt.NDArray[np.floating]
    kind: str


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A point that stands out, with its name beside it."""

    name: str
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A share with its interval, where there is one; None for one that cannot be said. note: shown as a tooltip."""

    name: str
    value: float | None
    interval: tuple[float, float] | None
    note: str


def figure(heading: str, drawing: Content, *, caption: str, legend: Content = None) -> Markup:
    """A chart with its heading, legend, and what is to be learnt from it."""
    return tag("figure", tag("h3", heading), legend, drawing, tag("figcaption", caption), class_="chart")


def curve_chart(
    heading: str,
    lines: Sequence[Line],
    axes: Axes,
    *,
    caption: str,
    marks: Sequence[Mark] = (),
    ideal: Line | None = None,
) -> Markup:
    """Curves over the same axes; `ideal` is what a perfect or a guessing model would give."""
    curves = [_curve(line, axes) for line in lines]
    guess = (
        None
        if ideal is None
        else tag("polyline", tag("title", ideal.name), points=_points(ideal, axes), class_="ideal")
    )
    drawing = _svg(
        [drawn_axes(axes), guess, *curves, *(_mark(mark, axes) for mark in marks)], alt=_alt(heading, axes, lines)
    )
    return figure(heading, drawing, caption=caption, legend=_legend(lines) if len(lines) > 1 else None)


def reliability_chart(heading: str, bins: Sequence[Bin], *, caption: str) -> Markup:
    """Accuracy against mean probability: a calibrated model's bars end within the grey range, about the diagonal.

    The range is that of a perfectly calibrated model with as many answers, 95 % of the time.
    """
    axes = Axes(x=Axis(label="probability of the answer"), y=Axis(label="share that is right"))
    parts: list[Content] = [drawn_axes(axes)]
    for found in bins:
        if not found.count:
            continue
        low, high = expected_range(found.mean_probability, found.count)
        fact = (
            f"{found.count} answers of mean probability {found.mean_probability:.2f}: {found.share:.2f} right; "
            f"a calibrated model would show {low:.2f} to {high:.2f}"
        )
        left, width = axes.across(found.low) + 1, axes.across(found.high) - axes.across(found.low) - 2
        middle, top, bottom = axes.across(found.mean_probability), axes.down(high), axes.down(low)
        parts += [
            tag("rect", tag("title", fact), x=left, width=width, y=axes.down(found.share),
                height=axes.down(0) - axes.down(found.share), class_="bar"),
            tag("rect", tag("title", fact), x=middle - 4, width=8, y=top, height=max(1.0, bottom - top), class_="band"),
            tag("circle", tag("title", fact), cx=middle, cy=axes.down(found.share), r=3.5, class_="dot"),
            tag("text", _count(found.count), x=left + width / 2, y=axes.down(1) - 5, text_anchor="middle",
                class_="count"),
        ]  # fmt: skip
    diagonal = Line(name="calibrated", x=[0, 1], y=[0, 1], kind="")
    parts.append(tag("polyline", tag("title", diagonal.name), points=_points(diagonal, axes), class_="ideal"))
    alt = "; ".join(
        f"at {found.mean_probability:.2f} {found.share:.2f} right of {found.count}" for found in bins if found.count
    )
    return figure(heading, _svg(parts, alt=f"{heading}: {alt}"), caption=caption)


def bars(heading: str, rows: Sequence[Bar], *, caption: str) -> Markup:
    """Horizontal bars of shares from 0 to 1, each with its interval and its name."""
    left, right, row, head = 138, 352, 22, 6
    height = head + row * len(rows)
    parts: list[Content] = []
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + (right - left) * value
        parts += [
            tag("line", x1=x, x2=x, y1=head, y2=height, class_="grid"),
            tag("text", f"{value:g}", x=x, y=height + 16, text_anchor="middle", class_="tick"),
        ]
    for number, bar in enumerate(rows):
        parts.append(_bar(bar, top=head + row * number, left=left, scale=right - left))
    alt = "; ".join(f"{name(bar.name)} {_share(bar.value)}" for bar in rows)
    drawing = _svg(parts, alt=f"{heading}: {alt}", height=height + 22)
    return figure(heading, drawing, caption=caption)


def expected_range(probability: float, count: int) -> tuple[float, float]:
    """The central 95 % of the share that is right among `count` answers, if each is right with `probability`.

    >>> from vidcls.pages.charts import expected_range
    >>> expected_range(0.5, 1), expected_range(0.5, 10)
    ((0.0, 1.0), (0.2, 0.8))
    """
    tail, hits = (1 - _CONFIDENCE) / 2, np.arange(count + 1)
    if count > 1000 or not 0 < probability < 1:  # a normal distribution then, or none at all
        half = 1.96 * math.sqrt(max(0.0, probability * (1 - probability)) / count)
        return max(0.0, probability - half), min(1.0, probability + half)
    ways = np.array([math.lgamma(count + 1) - math.lgamma(hit + 1) - math.lgamma(count - hit + 1) for hit in hits])
    up_to = np.exp(ways + hits * math.log(probability) + (count - hits) * math.log1p(-probability)).cumsum()
    return float((up_to < tail).sum() / count), float((up_to < 1 - tail).sum() / count)


def _svg(parts: Iterable[Content], *, alt: str, height: float = HEIGHT) -> Markup:
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {height:g}", role="img", aria_label=alt)


def _curve(line: Line, axes: Axes) -> Markup:
    tips = [
        tag("circle", tag("title", f"{name(line.name)}: {x:.3g}, {y:.3g}"),
            cx=axes.across(x), cy=axes.down(y), r=6, class_="hit")
        for x, y in _pairs(line, most=_MOST_TIPS)
    ]  # fmt: skip
    path = tag("polyline", tag("title", name(line.name)), points=_points(line, axes), class_=f"curve {line.kind}")
    return joined([path, *tips])


def _mark(mark: Mark, axes: Axes) -> Markup:
    """A ring, its name on the side where there is room."""
    x, y = axes.across(mark.x), axes.down(mark.y)
    side, away = ("end", -9) if x > WIDTH / 2 else ("start", 9)
    above = y - 9 if y > HEIGHT / 4 else y + 18
    return joined(
        [
            tag("circle", tag("title", f"{mark.name}: {mark.x:.3g}, {mark.y:.3g}"), cx=x, cy=y, r=5, class_="mark"),
            tag("text", mark.name, x=x + away, y=above, text_anchor=side, class_="named"),
        ]
    )


def _bar(bar: Bar, *, top: float, left: float, scale: float) -> Markup:
    middle = top + 11
    label = tag(
        "text", tag("title", name(bar.name)), shortened(name(bar.name), 19), x=left - 8, y=middle + 4, text_anchor="end"
    )
    value = tag("text", _share(bar.value), x=left + scale + 10, y=middle + 4)
    parts: list[Content] = [tag("title", f"{name(bar.name)}: {bar.note}"), label, value]
    if bar.value is not None:
        parts.append(tag("rect", x=left, width=scale * bar.value, y=top + 4, height=14, class_="bar"))
    if bar.interval is not None:
        low, high = (left + scale * end for end in bar.interval)
        parts += [
            tag("line", x1=low, x2=high, y1=middle, y2=middle, class_="whisker"),
            *(tag("line", x1=end, x2=end, y1=middle - 4, y2=middle + 4, class_="whisker") for end in (low, high)),
        ]
    return tag("g", *parts)


def _legend(lines: Sequence[Line]) -> Markup:
    entries = (
        tag("li", tag("svg", tag("line", x1=0, x2=30, y1=4, y2=4, class_=f"curve {line.kind}"), viewBox="0 0 30 8",
                      aria_hidden="true"), tag("span", name(line.name, limit=60)))
        for line in lines
    )  # fmt: skip
    return tag("ul", *entries, class_="legend")


def _points(line: Line, axes: Axes) -> str:
    pairs = _pairs(line, most=_MOST_POINTS)
    return " ".join(f"{axes.across(x):.1f},{axes.down(y):.1f}" for x, y in pairs)


def _pairs(line: Line, *, most: int) -> list[tuple[float, float]]:
    """At most so many points of a curve, the first and the last among them; none that is NaN or infinite."""
    pairs = np.column_stack([np.asarray(line.x, np.float64), np.asarray(line.y, np.float64)])
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    if len(pairs) > most:
        pairs = pairs[np.linspace(0, len(pairs) - 1, most).round().astype(int)]
    return [(float(x), float(y)) for x, y in pairs]


def _alt(heading: str, axes: Axes, lines: Sequence[Line]) -> str:
    names = ", ".join(name(line.name, limit=60) for line in lines)
    return f"{heading}: {axes.y.label} over {axes.x.label}; {names}"


def _count(count: int) -> str:
    return str(count) if count < 1000 else f"{count / 1000:.3g}k"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
