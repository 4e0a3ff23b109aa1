"""Charts, read back from their SVG: what is drawn lies where its value is."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from html_page import Page
from vidcls.evaluation.curves import Bin
from vidcls.pages.axes import HEIGHT, WIDTH, Axes, Axis, shortened, spanning, ticks
from vidcls.pages.charts import Bar, Line, Mark, bars, curve_chart, expected_range, reliability_chart

SHARES = Axes(x=Axis(label="x"), y=Axis(label="y"))
# Points are written to a tenth of a pixel, other places to a hundredth.
PIXELS = 0.06


def points(attributes: dict[str, str]) -> list[tuple[float, ...]]:
    return [tuple(map(float, pair.split(","))) for pair in attributes["points"].split()]


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 0.004), (0, 80), (0, 3.7), (-2, 5), (0, 1e6), (0.93, 1.0), (0, 7), (0, 1e-9)]
)
def test_ticks_are_few_round_and_within_the_axis(low: float, high: float) -> None:
    found = ticks(Axis(label="", low=low, high=high))
    assert 3 <= len(found) <= 8
    assert all(low - 1e-9 <= value <= high * (1 + 1e-9) for value in found)
    step = found[1] - found[0]
    assert np.allclose(np.diff(found), step)
    assert f"{step / 10 ** math.floor(math.log10(step) + 1e-9):.3g}" in ("1", "2", "5")


def test_an_axis_spans_what_is_finite() -> None:
    assert spanning("loss", [2.1, math.nan, math.inf, 0.3]).high == 2.5
    assert spanning("loss", []).high == spanning("loss", [0.0]).high == 1.0


def test_a_curve_goes_through_its_points() -> None:
    line = Line(name="a", x=[0, 0.5, math.nan, 1], y=[0, 0.25, 0.5, 1], kind="c0")
    page = Page(curve_chart("Curve", [line], SHARES, caption="", marks=[Mark(name="here", x=0.5, y=0.25)]))
    (curve,) = page.all("polyline", class_="curve c0")
    assert points(curve) == [
        pytest.approx((SHARES.across(x), SHARES.down(y)), abs=PIXELS) for x, y in [(0, 0), (0.5, 0.25), (1, 1)]
    ]
    (mark,) = page.all("circle", class_="mark")
    assert (float(mark["cx"]), float(mark["cy"])) == pytest.approx((SHARES.across(0.5), SHARES.down(0.25)), abs=PIXELS)
    assert SHARES.across(0) < SHARES.across(1) < WIDTH
    assert HEIGHT > SHARES.down(0) > SHARES.down(1) > 0


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    line = Line(name="a", x=np.linspace(0, 1, 100_000), y=np.linspace(0, 1, 100_000) ** 2, kind="c0")
    text = curve_chart("Curve", [line], SHARES, caption="")
    (curve,) = Page(text).all("polyline", class_="curve c0")
    found = points(curve)
    assert found[0] == pytest.approx((SHARES.across(0), SHARES.down(0)), abs=PIXELS)
    assert found[-1] == pytest.approx((SHARES.across(1), SHARES.down(1)), abs=PIXELS)
    assert len(text) < 20_000


def test_reliability_bars_end_at_the_share_that_is_right() -> None:
    bins = [
        Bin(low=0.2, high=0.4, count=10, mean_probability=0.3, share=0.5),
        Bin(low=0.8, high=1.0, count=2000, mean_probability=0.9, share=0.85),
    ]
    page = Page(reliability_chart("Reliability", bins, caption=""))
    axes = Axes(x=Axis(label=""), y=Axis(label=""))
    for found, bar, band, dot in zip(
        bins, page.all("rect", class_="bar"), page.all("rect", class_="band"), page.all("circle", class_="dot"),
        strict=True,
    ):  # fmt: skip
        assert float(bar["y"]) == pytest.approx(axes.down(found.share), abs=PIXELS)
        assert float(bar["y"]) + float(bar["height"]) == pytest.approx(axes.down(0), abs=PIXELS)
        assert axes.across(found.low) < float(bar["x"]) < axes.across(found.mean_probability)
        assert float(dot["cx"]) == pytest.approx(axes.across(found.mean_probability), abs=PIXELS)
        low, high = expected_range(found.mean_probability, found.count)
        assert float(band["y"]) == pytest.approx(axes.down(high), abs=PIXELS)
        assert float(band["height"]) == pytest.approx(axes.down(low) - axes.down(high), abs=2 * PIXELS)
    assert "10 " in page.text
    assert "2k " in page.text
    assert "10 answers of mean probability 0.30: 0.50 right" in page.text


def binomial_quantile(share: Fraction, count: int, probability: Fraction) -> float:
    """The smallest k/count that at least `share` of so many tries do not exceed, in exact arithmetic."""
    total = Fraction(0)
    for hits in range(count + 1):
        total += math.comb(count, hits) * probability**hits * (1 - probability) ** (count - hits)
        if total >= share:
            return hits / count
    raise AssertionError


@pytest.mark.parametrize("count", [1, 2, 7, 62, 307])
@pytest.mark.parametrize("probability", [Fraction(1, 1000), Fraction(3, 10), Fraction(1, 2), Fraction(97, 100)])
def test_the_range_of_a_calibrated_model_is_the_binomial_one(count: int, probability: Fraction) -> None:
    wanted = [binomial_quantile(Fraction(tail, 1000), count, probability) for tail in (25, 975)]
    assert list(expected_range(float(probability), count)) == pytest.approx(wanted)


def test_the_range_of_very_many_is_the_normal_one() -> None:
    half = 1.96 * math.sqrt(0.2 * 0.8 / 5000)
    assert expected_range(0.2, 5000) == pytest.approx((0.2 - half, 0.2 + half))
    assert expected_range(0.0, 5) == (0.0, 0.0)
    assert expected_range(1.0, 5) == (1.0, 1.0)


def test_bars_and_whiskers_have_their_lengths_and_names_are_cut_in_the_middle() -> None:
    rows = [
        Bar(name="jump", value=0.5, interval=(0.25, 0.75), note="F1 0.50"),
        Bar(name="a label as long as a sentence <i>", value=None, interval=None, note="no clips"),
    ]
    page = Page(bars("F1", rows, caption=""))
    (bar,) = page.all("rect", class_="bar")
    whisker = page.all("line", class_="whisker")[0]
    left, width = float(bar["x"]), float(bar["width"]) / 0.5
    assert float(whisker["x1"]) == pytest.approx(left + 0.25 * width, abs=PIXELS)
    assert float(whisker["x2"]) == pytest.approx(left + 0.75 * width, abs=PIXELS)
    assert "a label a…tence <i>" in page.text
    assert "a label as long as a sentence <i>" in page.text  # as a tooltip


@pytest.mark.parametrize(
    ("text", "columns", "wanted"),
    [("jump", 10, "jump"), ("abcdefghij", 7, "abc…hij"), ("左へ曲がる人", 7, "左…人"), ("ab", 1, "…")],
)
def test_names_are_shortened_to_columns(text: str, columns: int, wanted: str) -> None:
    assert shortened(text, columns) == wanted
