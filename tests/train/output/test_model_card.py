"""The model card says what follows from logits, in words and tables that fit the kind of model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vidcls.contract import Contract, EventRule
from vidcls_train.data.clip_list import Clip
from vidcls_train.output.decision import decision_fields, fit
from vidcls_train.output.metrics import _fields
from vidcls_train.output.model_card import model_card
from vidcls_train.output.negatives import Negatives
from vidcls_train.output.scored import Scored

Make = Callable[..., Contract]
Score = Callable[..., Scored]

LABELS = ("jump", "swim", "wave")


def card(
    contract: Contract,
    val: Scored,
    test: Scored | None,
    negatives: Negatives | None,
    *,
    events: EventRule | None = None,
    region: list[float] | None = None,
    all_tokens: dict[str, Any] | None = None,
) -> str:
    """The card of a run with these answers, and with a rule for events."""
    fitted = fit(val, contract, copies=[], negatives=negatives, target_precision=0.8)
    decided = dataclasses.replace(contract, decision=dataclasses.replace(fitted.decision, events=events))
    metrics: dict[str, Any] = {
        "val": _fields(val, decided, copies=[]),
        "test": _fields(test, decided, copies=[]),
        "test_multiview": None,
        "decision": decision_fields(fitted, decided, val=val, test=test, negatives=negatives),
        "baselines": None,
        "train": {"patch_levels": True},
        "data": {"findings": [], "split_here": False, "groups": 3},
        "unreadable": [],
        "region": region,
        "all_tokens": all_tokens,
    }
    return model_card(decided, metrics, name="mine")


def tables(text: str) -> list[list[str]]:
    """The cells of each line of a table; every line has as many as its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_rule_and_operating_points_are_told(contract: Make, scored: Score, negatives: Negatives) -> None:
    text = card(contract(), scored(LABELS, 30, sure=2.0), scored(LABELS, 20, sure=2.0, seed=1), negatives)
    assert "## Decision" in text
    assert "Probabilities are the softmax of logits / " in text
    assert "on which the epoch was chosen too" in text
    assert "An answer counts as one of the labels (`known`) where the highest probability is at least " in text
    assert "Of 40 videos that show none of the labels, " in text
    assert "On test the temperature changes the log loss by -" in text
    assert "| label | counts from probability | precision | recall |" in text
    assert "heed whether its answer counts as known" in text
    assert {len(row) for row in tables(text)} == {4, 6, 7}


def test_the_rule_for_events_is_told(contract: Make, scored: Score) -> None:
    rule = EventRule(on=0.6, off=0.4, min_seconds=1.5, change_cost=5.0, false_alarms_per_hour=0.25)
    text = card(contract(), scored(LABELS, 3), None, None, events=rule)
    assert "an event begins at a probability of 0.60, ends below 0.40 and lasts at least 1.5 s (0.25 false" in text
    assert "makes all answers together 5 times as probable" in text


def test_a_region_is_told_and_stands_in_the_command(contract: Make, scored: Score) -> None:
    without = card(contract(), scored(LABELS, 3), None, None)
    assert "region" not in without
    text = card(contract(), scored(LABELS, 3), None, None, region=[0.25, 0.0, 1.0, 0.9])
    assert "was cut to the region 0.25,0,1,0.9 of its picture" in text
    assert "vidcls predict model.onnx clip.mp4 --region 0.25,0,1,0.9\n" in text


def test_who_shows_all_tokens_is_told(contract: Make, scored: Score) -> None:
    compared = {"share": 0.25, "videos": 9, "top1_agreement": 0.9, "mean_abs_logit_diff": 0.123}
    for name, who in (
        ("pipeline", "transformers' own pipeline"),
        ("VJEPA2ForVideoClassification", "`VJEPA2ForVideoClassification`, called by itself,"),
    ):
        text = card(contract(), scored(LABELS, 3), None, None, all_tokens={**compared, "shown_by": name})
        assert f"{who} shows it all of them, and answers otherwise: on the 9 validation videos the same label" in text
        assert ("own pipeline" in text) == (name == "pipeline")


def test_what_was_not_fitted_is_told(contract: Make, scored: Score) -> None:
    text = card(contract(), scored(LABELS, 3), None, None)
    assert "There is no rule by which an answer counts as none of the labels" in text
    assert "No label has an operating point." in text
    assert "needs 19" in text
    assert "answers with one of them for any video, whatever it shows" in text


def test_the_class_for_none_of_them_is_explained(contract: Make, scored: Score) -> None:
    labels = ("_none", "jump", "wave")
    text = card(contract(labels, none_label="_none"), scored(labels, 30), None, None)
    assert "`_none` is the class of training clips that show none of the labels" in text
    assert "was not measured" in text


def test_clips_that_are_all_right_have_no_interval_of_their_mean(contract: Make) -> None:
    clips = [Clip(path=Path(f"{number}.mp4"), labels=(label,), group="") for number, label in enumerate(LABELS * 2)]
    logits = np.tile(6 * np.eye(3, dtype=np.float32) - 3, (2, 1))
    right = Scored(clips=clips, logits=logits, views=1, crops=1)
    text = card(contract(activation="sigmoid"), right, None, None)
    assert "| validation | 6 | 1 x 1 | 1.000 | " in text
    assert "which have none where drawing the videos again always gives the same" in text


def test_labels_that_may_hold_together_have_average_precisions(contract: Make, scored: Score) -> None:
    clips = scored(LABELS, 30)
    text = card(contract(activation="sigmoid"), clips, clips, None)
    assert "| | videos | views x crops | mean average precision | calibration error |" in text
    assert "| label | test videos | average precision | precision | recall | F1 |" in text
    assert "sigmoid" in text
    assert "| top-1 |" not in text
    assert {len(row) for row in tables(text)} == {4, 5, 6, 7}


def test_clips_without_any_label_are_no_reason_to_fail(contract: Make) -> None:
    clips = [Clip(path=Path(f"{number}.mp4"), labels=(), group="") for number in range(3)]
    val = Scored(clips=clips, logits=np.zeros((3, 3), np.float32), views=1, crops=1)
    text = card(contract(activation="sigmoid"), val, None, None)
    assert "| validation |" not in text
    assert "Probabilities are the sigmoid" in text
