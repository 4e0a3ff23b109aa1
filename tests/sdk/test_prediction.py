from __future__ import annotations

import math

import numpy as np
import pytest

from answered import answered_prediction
from vidcls import Prediction
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
