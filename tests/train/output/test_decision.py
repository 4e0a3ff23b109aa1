"""A decision is fitted on validation clips that the model was not trained on, and measured on others."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import log_loss

from vidcls.contract import Contract
from vidcls.decision import probabilities
from vidcls_train.output.decision import decision_fields, fit
from vidcls_train.output.negatives import Negatives
from vidcls_train.output.scored import Scored

Make = Callable[..., Contract]
Score = Callable[..., Scored]

LABELS = ("jump", "swim", "wave")
PRIOR_SD = 0.5  # of the temperature's logarithm

# Of a minimum that two methods find each by itself.
SAME_MINIMUM = 1e-4


def most_probable_temperature(scored: Scored, labels: tuple[str, ...]) -> float:
    """By scipy: the largest likelihood of softmax(logits / T) times the prior on log T."""
    minimize_scalar = pytest.importorskip("scipy.optimize").minimize_scalar
    log_softmax = pytest.importorskip("scipy.special").log_softmax
    class_ids = [labels.index(clip.label) for clip in scored.clips]

    def loss(log_temperature: float) -> float:
        shares = log_softmax(scored.logits.astype(float) / np.exp(log_temperature), axis=1)
        return -shares[np.arange(len(class_ids)), class_ids].sum() + (log_temperature / PRIOR_SD) ** 2 / 2

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-8}).x))


def test_the_temperature_is_the_validation_clips(contract: Make, scored: Score) -> None:
    val = scored(LABELS, 30, sure=2.0)
    fitted = fit(val, contract(), copies=[], negatives=None, target_precision=0.8)
    expected = most_probable_temperature(val, LABELS)
    assert fitted.decision.temperature == pytest.approx(expected, abs=SAME_MINIMUM)
    assert 1.5 < expected < 2.5
    low, high = fitted.temperature_interval
    assert low < expected < high
    fitted_on = fitted.decision.fitted_on
    assert fitted_on is not None
    assert dataclasses.asdict(fitted_on) == {"split": "val", "videos": 90, "views": 1, "crops": 1, "precision": "fp32"}
    assert fitted.decision.reject is not None
    assert set(fitted.decision.operating_points or {}) == set(LABELS)


def test_clips_whose_footage_is_in_train_fit_nothing(
    contract: Make, scored: Score, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="vidcls.train")
    val = scored(LABELS, 30)
    # As a model answers what it knows by heart.
    copies = val.clips[::3]
    logits = val.logits.copy()
    logits[::3] += 100 * np.eye(3, dtype=np.float32)[[LABELS.index(clip.label) for clip in copies]]
    mixed = dataclasses.replace(val, logits=logits)
    footage = [clip.footage for clip in copies]
    fitted = fit(mixed, contract(), copies=footage, negatives=None, target_precision=0.9)
    apart = val.without(set(footage))
    assert apart is not None
    assert fitted.decision.temperature == pytest.approx(most_probable_temperature(apart, LABELS), abs=SAME_MINIMUM)
    assert fitted.decision.fitted_on is not None
    assert fitted.decision.fitted_on.videos == 60
    assert fitted.notes[0] == ("the decision is fitted without 30 of 90 validation clips, whose footage was trained on")
    assert fitted.notes[0] in caplog.text


def test_where_all_footage_is_in_train_that_is_said(contract: Make, scored: Score) -> None:
    val = scored(LABELS, 2)
    fitted = fit(val, contract(), copies=[clip.footage for clip in val.clips], negatives=None, target_precision=0.9)
    assert fitted.notes[0].startswith("the footage of every validation clip was trained on")


def test_too_few_clips_write_no_rule_and_say_how_many_are_needed(contract: Make, scored: Score) -> None:
    val = scored(LABELS, 4)
    right = sum(LABELS[row.argmax()] == clip.label for clip, row in zip(val.clips, val.logits, strict=True))
    decision = (fitted := fit(val, contract(), copies=[], negatives=None, target_precision=0.9)).decision
    assert (decision.reject, decision.operating_points) == (None, None)
    assert any(f" {right} " in note and " 19" in note for note in fitted.notes), fitted.notes
    assert any("20" in note for note in fitted.notes), fitted.notes


def test_metrics_hold_the_figures_of_both_temperatures(contract: Make, scored: Score, negatives: Negatives) -> None:
    val, test = scored(LABELS, 30, sure=2.0), scored(LABELS, 20, sure=2.0, seed=1)
    own = contract()
    fitted = fit(val, own, copies=[], negatives=negatives, target_precision=0.9)
    fields = decision_fields(fitted, own, val=val, test=test, negatives=negatives)
    assert fields["decision"] == dataclasses.asdict(fitted.decision)
    class_ids = [LABELS.index(clip.label) for clip in test.clips]
    for when, decision in (("before", own.decision), ("after", fitted.decision)):
        expected = log_loss(class_ids, probabilities(test.logits, decision), labels=[0, 1, 2])
        assert fields["calibration"]["test"][when]["log_loss"] == pytest.approx(expected)
    assert fields["calibration"]["test"]["videos"] == 60
    rows = fields["calibration"]["val"]
    assert rows["after"]["log_loss"] < rows["before"]["log_loss"]
    reject = fitted.decision.reject
    assert reject is not None
    scores = probabilities(negatives.logits, fitted.decision).max(axis=1)
    if reject.score == "energy":
        scores = np.log(np.exp(negatives.logits.astype(float)).sum(axis=1))
    share = float((scores >= reject.threshold).mean())
    assert fields["negatives"]["falsely_accepted"] == reject.false_accepted == pytest.approx(share)
    low, high = fields["negatives"]["falsely_accepted_interval"]
    assert low <= share <= high


def test_a_class_for_none_of_them_is_measured_on_negatives(contract: Make, scored: Score) -> None:
    labels = ("_none", "jump", "wave")
    val = scored(labels, 20)
    own = contract(labels, none_label="_none")
    logits = np.array([[2, 0, 1], [2, 1, 0], [0, 1, 2], [3, 0, 0]], np.float32)
    negatives = Negatives(videos=[Path(f"{number}.mp4") for number in range(4)], logits=logits, unreadable=[])
    fitted = fit(val, own, copies=[], negatives=negatives, target_precision=0.9)
    assert (fitted.decision.none_label, fitted.decision.reject) == ("_none", None)
    fields = decision_fields(fitted, own, val=val, test=None, negatives=negatives)
    assert fields["negatives"]["falsely_accepted"] == 0.25
    assert fields["calibration"]["test"] is None


def test_labels_that_may_hold_together_stay_so(contract: Make, scored: Score) -> None:
    val = scored(LABELS, 30)
    own = contract(activation="sigmoid")
    logits = np.array([[-20, -20, -20], [20, 20, -20]], np.float32)
    negatives = Negatives(videos=[Path("a.mp4"), Path("b.mp4")], logits=logits, unreadable=[])
    fitted = fit(val, own, copies=[], negatives=negatives, target_precision=0.9)
    assert fitted.decision.activation == "sigmoid"
    fields = decision_fields(fitted, own, val=val, test=None, negatives=negatives)
    assert fields["negatives"]["falsely_accepted"] == 0.5
