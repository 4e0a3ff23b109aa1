"""The one style: what is written can be read, on light and on dark, and nothing is fetched for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vidcls.pages

# WCAG 2.2: 1.4.3 for text, 1.4.11 for lines of charts.
TEXT_CONTRAST, LINE_CONTRAST = 4.5, 3.0

STYLE = (Path(vidcls.pages.__file__).parent / "page.css").read_text(encoding="utf-8")
Colour = tuple[float, float, float]


def schemes() -> dict[str, dict[str, str]]:
    """{scheme: {variable: value}}."""
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    return {name: dict(re.findall(r"--(\w+): ([^;]+);", text)) for name, text in (("light", light), ("dark", dark))}


def colour(value: str) -> Colour:
    if value.startswith("#"):
        return int(value[1:3], 16) / 255, int(value[3:5], 16) / 255, int(value[5:7], 16) / 255
    red, green, blue = (float(part) / 255 for part in value.split(","))
    return red, green, blue


def over(above: Colour, share: float, below: Colour) -> Colour:
    red, green, blue = (share * a + (1 - share) * b for a, b in zip(above, below, strict=True))
    return red, green, blue


def luminance(shown: Colour) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in shown]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: Colour, second: Colour) -> float:
    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_stand_out(scheme: str) -> None:
    found = schemes()[scheme]
    page, soft, text = (colour(found[name]) for name in ("page", "soft", "text"))
    for name in ("text", "muted", "good", "bad", "link"):
        assert contrast(colour(found[name]), page) >= TEXT_CONTRAST, name
        assert contrast(colour(found[name]), soft) >= TEXT_CONTRAST, name
    for number in range(8):
        assert contrast(colour(found[f"c{number}"]), page) >= LINE_CONTRAST, number
    for share in map(float, re.findall(r"\.s\d \{ background: rgba\(var\(--fill\), ([.\d]+)\)", STYLE)):
        assert contrast(text, over(colour(found["fill"]), share, page)) >= TEXT_CONTRAST, share


def test_curves_differ_in_their_dashes_not_in_colour_alone() -> None:
    dashes = re.findall(r"svg \.c\d \{ stroke: var\(--c\d\);(?: stroke-dasharray: ([^;]+);)? \}", STYLE)
    assert len(set(dashes)) == len(dashes) == 8


def test_nothing_is_fetched() -> None:
    assert not re.search(r"url\(|@import|@font-face|https?:", STYLE)
