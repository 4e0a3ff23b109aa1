"""What follows from logits: against values worked out by hand, and as a prediction says it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from answered import answered_prediction
from vidcls import Prediction
from vidcls.contract import NEUTRAL, Decision, OperatingPoint, Reject
from vidcls.decision import known, label_columns, probabilities, reject_scores, sigmoid, thresholds

LABELS = ("fall", "_none", "wave")
WITH_NONE = replace(NEUTRAL, none_label="_none")
# exp, log and a division in float64, in another order.
EXACT = 1e-12


def prediction(logits: list[float], decision: Decision) -> Prediction:
    return answered_prediction(logits, labels=LABELS, decision=decision)


def rejecting(threshold: float, *, score: str = "max_probability", decision: Decision = NEUTRAL) -> Decision:
    rule = Reject(score=score, threshold=threshold, accepted=0.95, false_accepted=None)  # type: ignore[arg-type]
    return replace(decision, reject=rule)


def test_a_temperature_divides_logits() -> None:
    found = probabilities(np.array([2.0, 0.0]), replace(NEUTRAL, temperature=2.0))
    assert found.tolist() == pytest.approx([math.e / (math.e + 1), 1 / (math.e + 1)], abs=EXACT)
    of_labels = probabilities(np.array([2.0, -2.0]), replace(NEUTRAL, activation="sigmoid", temperature=2.0))
    assert of_labels.tolist() == pytest.approx([1 / (1 + math.exp(-1)), 1 / (1 + math.e)], abs=EXACT)


def test_known_logits_give_known_sigmoids() -> None:
    logits = np.array([0.5676, 0.0710, 0.1176, -0.2571])
    assert sigmoid(logits).round(3).tolist() == [0.638, 0.518, 0.529, 0.436]
    with np.errstate(all="raise", under="ignore"):
        assert sigmoid(np.array([1e4, -1e4])).tolist() == [1.0, 0.0]


def test_the_none_label_is_no_answer_but_decides_whether_there_is_one() -> None:
    found = prediction([1.0, 3.0, 2.0], WITH_NONE)
    assert (found.label, found.known, found.labels_present) == ("wave", False, ())
    assert found.score == pytest.approx(found.probabilities[2], abs=EXACT)
    assert [label for label, _ in found.top(5)] == ["wave", "fall"]
    assert found.probabilities.sum() == pytest.approx(1, abs=EXACT)  # its own is among them
    shown = prediction([4.0, 3.0, 2.0], WITH_NONE)
    assert (shown.label, shown.known, shown.labels_present) == ("fall", True, ("fall",))


def test_the_rule_accepts_from_its_threshold_on() -> None:
    logits = np.log(np.array([[0.5, 0.2, 0.3], [0.49, 0.2, 0.31]]))
    top = float(probabilities(logits, NEUTRAL)[0].max())
    assert known(logits, LABELS, rejecting(top)).tolist() == [True, False]
    assert known(logits, LABELS, NEUTRAL).tolist() == [True, True]


def test_scores_are_over_all_classes_but_the_none_label() -> None:
    logits = np.array([1.0, 9.0, 2.0])
    hot = replace(WITH_NONE, temperature=3.0)
    energy = reject_scores(logits, LABELS, hot, score="energy")
    assert energy == pytest.approx(math.log(math.e + math.exp(2)), abs=EXACT)  # the logits' own, at no temperature
    top = reject_scores(logits, LABELS, hot, score="max_probability")
    assert top == pytest.approx(probabilities(logits, hot)[2], abs=EXACT)
    assert label_columns(LABELS, WITH_NONE).tolist() == [0, 2]
    # Both have to hold: the top class is a label, and the rule accepts.
    sure = np.array([9.0, 1.0, 2.0])
    for threshold, accepted in ((8.0, True), (10.0, False)):
        decision = rejecting(threshold, score="energy", decision=WITH_NONE)
        assert bool(known(sure, LABELS, decision)) is accepted
        assert not known(logits, LABELS, decision)


def test_labels_that_hold_together_are_present_from_their_operating_points_on() -> None:
    point = OperatingPoint(probability=0.8, precision=0.9, recall=0.5)
    decision = replace(NEUTRAL, activation="sigmoid", operating_points={"fall": point, "wave": None})
    assert thresholds(LABELS, decision).tolist() == [0.8, 0.5, 0.5]
    found = prediction([math.log(0.79 / 0.21), 0.1, -0.1], decision)
    assert (found.label, found.labels_present) == ("fall", ("_none",))
    assert prediction([math.log(0.81 / 0.19), -1.0, 1.0], decision).labels_present == ("fall", "wave")
    assert prediction([-1.0, -1.0, -1.0], decision).labels_present == ()


def test_a_prediction_is_ready_for_json_and_short_to_read() -> None:
    found = prediction([4.0, 3.0, 2.0], rejecting(0.99))
    fields = json.loads(json.dumps(found.to_dict(top_k=1)))
    assert (fields["label"], fields["known"], fields["labels_present"]) == ("fall", False, [])
    assert fields["top"] == [{"label": "fall", "score": found.score}]
    assert fields["logits"] == [4.0, 3.0, 2.0]
    assert repr(found) == f"Prediction(label='fall', score={found.score:.4f}, known=False)"
