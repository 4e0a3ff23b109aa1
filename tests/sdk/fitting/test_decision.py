"""A whole decision fitted in one go: what the contract takes, and whatever the validation clips are."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from generated import contract_fields
from vidcls.contract import Decision, FittedOn, ModelContract, from_json, to_json
from vidcls.decision import known
from vidcls.errors import ArgumentError
from vidcls.evaluation.answers import Answers, answers_of
from vidcls.fitting.decision import FittedDecision, fit_decision
from vidcls.fitting.events import fit_events
from vidcls.fitting.temperature import fit_temperature

LABELS = ("clap", "jump", "turn left", "wave")


def fit(validation: Answers, **options: Any) -> FittedDecision:
    settings: dict[str, Any] = {
        "activation": "softmax",
        "none_label": None,
        "negatives": None,
        "target_precision": 0.9,
        "split": "val",
        "views": 1,
        "crops": 1,
        "clip_seconds": 0.8,
        **options,
    }
    return fit_decision(validation, LABELS, **settings)


def drawn(*, clips: int, sharp: float = 2.0) -> Answers:
    rng = np.random.default_rng(0)
    class_ids = rng.integers(0, 4, clips)
    logits = rng.normal(0, 1, (clips, 4))
    logits[np.arange(clips), class_ids] += sharp
    return answers_of(logits.astype(np.float32), class_ids.tolist(), LABELS)


def assert_the_contract_takes(decision: Decision) -> None:
    """Write it, read it strictly, and get the same back."""
    fields = contract_fields(labels=LABELS)
    fields["self_test"]["logits"] = [0.0] * len(LABELS)
    contract = from_json(ModelContract, json.dumps(fields), where="here")
    written = to_json(replace(contract, decision=decision))
    assert from_json(ModelContract, written, where="here").decision == decision


def test_everything_is_fitted_where_there_are_clips_enough() -> None:
    validation, negatives = drawn(clips=200), np.random.default_rng(1).normal(0, 1, (50, 4)).astype(np.float32)
    fitted = fit(validation, negatives=negatives, views=2, crops=3, split="out-of-fold")
    decision = fitted.decision
    alone = fit_temperature(validation, activation="softmax")
    assert (decision.temperature, fitted.temperature_interval) == (alone.temperature, alone.interval)
    assert decision.reject is not None
    assert decision.reject.accepted >= 0.95
    assert decision.reject.false_accepted == known(negatives, LABELS, decision).mean()
    assert decision.operating_points is not None
    assert list(decision.operating_points) == list(LABELS)
    assert decision.fitted_on == FittedOn(split="out-of-fold", videos=200, views=2, crops=3, precision="fp32")
    rest = replace(decision, events=None)
    events = fit_events(validation, LABELS, rest, clip_seconds=0.8, negatives=negatives)
    assert decision.events == events
    assert events is not None
    assert events.false_alarms_per_hour is not None
    assert fitted.notes == ()
    assert_the_contract_takes(decision)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize(
    "validation",
    [
        drawn(clips=1),
        drawn(clips=3),
        answers_of(np.zeros((40, 4), np.float32), [0, 1, 2, 3] * 10, LABELS),  # constant logits
        answers_of(np.tile(np.array([9, 0, 0, 0], np.float32), (40, 1)), [1] * 40, LABELS),  # all wrong, labels missing
        answers_of(np.tile(np.array([9, 0, 0, 0], np.float32), (40, 1)), [0] * 40, LABELS),  # all right
        answers_of(np.tile(np.array([1e6, 0, 0, -1e6], np.float32), (40, 1)), [0, 3] * 20, LABELS),
        answers_of(np.ones((3, 4), np.float32), [None] * 3, LABELS),  # nothing known at all
    ],
)
def test_any_validation_clips_give_a_decision_that_the_contract_takes(validation: Answers, activation: str) -> None:
    fitted = fit(validation, activation=activation)
    assert_the_contract_takes(fitted.decision)
    assert fitted.decision.fitted_on is not None
    assert fitted.decision.fitted_on.videos == len(validation)
    if len(validation) < 19:
        assert fitted.decision.reject is None
        assert fitted.decision.operating_points is None
        assert any("no operating point" in note for note in fitted.notes)
        assert any("no rule for events" in note for note in fitted.notes)


def test_a_none_label_takes_the_place_of_a_reject_rule() -> None:
    fitted = fit(drawn(clips=200), none_label="wave")
    assert fitted.decision.reject is None
    assert fitted.decision.operating_points is not None
    assert "wave" not in fitted.decision.operating_points
    assert fitted.decision.events is not None
    assert fitted.notes == ()
    assert_the_contract_takes(fitted.decision)


def test_labels_that_hold_together_have_operating_points() -> None:
    rng = np.random.default_rng(0)
    targets = rng.random((150, 4)) < 0.4
    logits = (rng.normal(0, 1, (150, 4)) + 4 * targets - 2).astype(np.float32)
    fitted = fit(Answers(logits=logits, targets=targets), activation="sigmoid")
    assert fitted.decision.reject is None
    points = fitted.decision.operating_points or {}
    assert all(point is not None and point.precision >= 0.9 for point in points.values())
    assert len(points) == 4
    assert fitted.decision.events is not None
    assert_the_contract_takes(fitted.decision)


def test_what_is_not_known_of_events_is_said() -> None:
    fitted = fit(drawn(clips=200))
    assert fitted.decision.events is not None
    assert fitted.decision.events.false_alarms_per_hour is None
    assert fitted.notes == (
        "nothing is known of false alarms: that takes at least 20 clips that show none of the labels",
    )


def test_without_clips_there_is_nothing_to_fit() -> None:
    with pytest.raises(ArgumentError, match="expected at least one clip of 4 labels"):
        fit(answers_of(np.zeros((0, 4), np.float32), [], LABELS))
    with pytest.raises(ArgumentError, match=r"shape \(2, 3\), expected at least one clip of 4 labels"):
        fit(answers_of(np.zeros((2, 3), np.float32), [0, 1], LABELS[:3]))
