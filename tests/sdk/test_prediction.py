from __future__ import annotations

import math
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest

from answered import answered_prediction
from html_page import Page
from vidcls import Prediction
from vidcls.contract import NEUTRAL
from vidcls.decision import softmax

LABELS = tuple("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
# exp and a division in float64, in another order.
PROBABILITY = 1e-12


def prediction(*logits: float) -> Prediction:
    return answered_prediction(logits, labels=LABELS[: len(logits)])


def test_probabilities_are_exponentials_over_their_sum() -> None:
    logits = [0.5, -1.25, 3.0, 0.0]
    total = sum(math.exp(logit) for logit in logits)
    found = prediction(*logits).probabilities
    assert found.tolist() == pytest.approx([math.exp(logit) / total for logit in logits], abs=PROBABILITY)
    assert found.dtype == np.float64
    assert found.sum() == pytest.approx(1, abs=PROBABILITY)


def test_probabilities_go_by_the_last_axis() -> None:
    both = softmax(np.array([[0.0, math.log(3)], [5.0, 5.0]]))
    np.testing.assert_allclose(both, [[0.25, 0.75], [0.5, 0.5]], atol=PROBABILITY)


@pytest.mark.parametrize("shift", [1e4, -1e4, 3e38])
def test_huge_logits_do_not_overflow(shift: float) -> None:
    with np.errstate(all="raise", under="ignore"):
        assert prediction(shift, shift).probabilities.tolist() == [0.5, 0.5]
        assert prediction(3e38, -3e38).probabilities.tolist() == [1.0, 0.0]


def test_the_label_and_the_score_are_those_of_the_largest_logit() -> None:
    found = prediction(0.0, 2.0, 1.0)
    assert found.label == "b"
    assert found.score == pytest.approx(math.exp(2) / (1 + math.e + math.exp(2)), abs=PROBABILITY)
    assert isinstance(found.score, float)


@pytest.mark.parametrize(
    ("k", "labels"), [(1, ["c"]), (2, ["c", "a"]), (4, ["c", "a", "d", "b"]), (99, ["c", "a", "d", "b"])]
)
def test_the_best_labels_come_first(k: int, labels: list[str]) -> None:
    found = prediction(0.5, -1.25, 3.0, 0.0)
    assert [label for label, _ in found.top(k)] == labels
    assert [score for _, score in found.top(k)] == sorted(found.probabilities.tolist(), reverse=True)[:k]
    assert found.top(1) == [(found.label, found.score)]


def test_equal_logits_keep_label_order() -> None:
    found = prediction(*[1.0, 2.0] * 20)  # many: sorts of a few values keep their order by chance
    assert [label for label, _ in found.top(40)] == [*LABELS[1:40:2], *LABELS[0:40:2]]
    assert found.label == LABELS[1]


@pytest.mark.parametrize("k", [0, -1])
def test_fewer_than_one_best_label_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"k is {k}, expected at least 1"):
        prediction(1.0, 2.0).top(k)


def test_a_single_label_is_certain() -> None:
    assert prediction(-7.0).top(5) == [("a", 1.0)]


def test_equal_predictions_are_the_same_answer_about_the_same_frames() -> None:
    first = prediction(0.5, 2.0)
    assert first == replace(first, video="copy.avi", device="cuda", timing_ms={})
    assert first == pickle.loads(pickle.dumps(first))  # noqa: S301 - made here
    assert len({first, prediction(0.5, 2.0), prediction(-0.0, 2.0), prediction(0.0, 2.0)}) == 2
    assert first != prediction(0.5, np.nextafter(np.float32(2), np.float32(3)))
    assert first != replace(first, windows=[(0.0, 2.0)])
    assert first != replace(first, timestamps=np.ones((1, 2)))
    assert first != replace(first, decision=replace(NEUTRAL, temperature=2.0))
    assert first != "b"


def test_the_text_of_a_prediction_is_one_short_line() -> None:
    assert repr(prediction(0.0, math.log(3))) == str(prediction(0.0, math.log(3)))
    assert repr(prediction(0.0, math.log(3))) == "Prediction(label='b', score=0.7500, known=True)"


def test_a_notebook_shows_bars_as_long_as_the_numbers_beside_them() -> None:
    found = replace(prediction(0.0, math.log(2), math.log(5)), video="a clip.avi", timing_ms={"total": 34.4})
    page = Page(found._repr_html_())
    assert [round(float(width), 1) for width in re.findall(r"width:([\d.]+)%", page.source)] == [62.5, 25.0, 12.5]
    assert page.text == (
        "c label probability c 0.625 b 0.250 a 0.125 a clip.avi · window 0.00 to 1.00 s · 34 ms on cpu "
    )
    hidden = [tag for tag, attributes in page.tags if attributes.get("aria-hidden") == "true"]
    assert hidden == ["td"] * 4  # a screen reader reads the table: labels are headings of rows, numbers are text
    assert [attributes["scope"] for tag, attributes in page.tags if tag == "th"] == ["col", "col", "row", "row", "row"]


@pytest.mark.parametrize(
    "label",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "a&b;<!--",
        "\u202egnp.\n\x1b[2J",
        "옷 입는 중" * 60,
    ],
)
def test_no_label_becomes_markup_or_fills_the_screen(label: str) -> None:
    found = replace(prediction(0.0, 1.0), labels=("other", label), video=label)
    page = Page(found._repr_html_())
    assert {tag for tag, _ in page.tags} == {"table", "caption", "thead", "tr", "th", "td", "tbody", "div"}
    assert not re.search("[\u202e\\n\\x1b]", page.source)
    shown = page.text.partition("probability ")[2].partition(" 0.731")[0]
    assert len(shown) <= 60
    assert label[:20] in (shown if label.isprintable() else label)


def test_a_notebook_says_what_counts_as_there() -> None:
    several = replace(prediction(3.0, -3.0, 2.0), decision=replace(NEUTRAL, activation="sigmoid"))
    assert Page(several._repr_html_()).text.startswith("a, c label ")
    assert several._repr_html_().count("font-weight:bold") == 1 + 2
    none = replace(several, logits=np.array([-3.0, -3.0, -2.0], np.float32))
    assert Page(none._repr_html_()).text.startswith("none of the labels")


def test_a_notebook_shows_many_windows_and_none() -> None:
    many = replace(prediction(0.0, 1.0), windows=[(float(start), start + 1.0) for start in range(30)])
    assert "30 windows, 0.00 to 30.00 s" in many._repr_html_()
    assert "window" not in replace(many, windows=[])._repr_html_()
