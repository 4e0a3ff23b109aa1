"""Scores against a case counted by hand and against scikit-learn."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest

from vidcls.contract import NEUTRAL, OperatingPoint, Reject
from vidcls.errors import ArgumentError
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.calibration import expected_error
from vidcls.evaluation.intervals import wilson_interval
from vidcls.evaluation.metrics import accepted, score_answers, score_logits

# Divisions of small counts.
SHARE = 1e-12


def test_a_case_counted_by_hand() -> None:
    logits = np.array([[9, 1, 0], [8, 9, 0], [0, 9, 8], [9, 0, 1], [0, 1, 2]], np.float32)
    scores = score_logits(logits, [0, 0, 1, 1, 0], ["cat", "dog", "eel"], NEUTRAL)
    assert scores.videos == 5
    assert scores.top1 == pytest.approx(2 / 5, abs=SHARE)
    assert scores.top5 == 1
    assert scores.confusion == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]
    third = pytest.approx(1 / 3, abs=SHARE)
    assert scores.per_class == {
        "cat": {
            "videos": 3,
            "top1": third,
            "top1_interval": wilson_interval(1, 3),
            "precision": 0.5,
            "recall": third,
            "f1": pytest.approx(0.4, abs=SHARE),
        },
        "dog": {
            "videos": 2,
            "top1": 0.5,
            "top1_interval": wilson_interval(1, 2),
            "precision": 0.5,
            "recall": 0.5,
            "f1": 0.5,
        },
        "eel": {"videos": 0, "top1": None, "top1_interval": None, "precision": 0.0, "recall": None, "f1": 0.0},
    }
    assert scores.macro_f1 == pytest.approx(0.45, abs=SHARE)  # of cat and dog, which have videos
    assert scores.average_precision is None
    assert scores.negatives is None


def test_top5_needs_fewer_than_five_better_labels() -> None:
    logits = np.arange(7, dtype=np.float32)[::-1].copy()[None].repeat(7, axis=0)  # label 0 best, 6 worst
    assert score_logits(logits, range(7), "abcdefg", NEUTRAL).top5 == pytest.approx(5 / 7, abs=SHARE)


def test_random_scores_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    labels = [f"label {index}" for index in range(9)]
    for _ in range(8):
        truth = rng.integers(0, 9, size=60)
        logits = rng.standard_normal((60, 9)).astype(np.float32)
        logits[np.arange(60), truth] += 1
        predicted = logits.argmax(axis=1)
        scores = score_logits(logits, truth.tolist(), labels, NEUTRAL)
        assert scores.confusion == metrics.confusion_matrix(truth, predicted, labels=range(9)).tolist()
        assert scores.top1 == pytest.approx(metrics.accuracy_score(truth, predicted), abs=SHARE)
        expected = metrics.top_k_accuracy_score(truth, logits, k=5, labels=range(9))
        assert scores.top5 == pytest.approx(expected, abs=SHARE)
        recalls = metrics.recall_score(truth, predicted, labels=range(9), average=None, zero_division=np.nan)
        for name in ("top1", "recall"):
            found = [scores.per_class[label][name] for label in labels]
            np.testing.assert_allclose(np.array(found, float), recalls, atol=SHARE)
        options = {"labels": range(9), "average": None, "zero_division": np.nan}
        for name in ("precision", "f1"):
            expected = getattr(metrics, f"{name}_score")(truth, predicted, **options)
            found = [scores.per_class[label][name] for label in labels]
            np.testing.assert_allclose(np.array(found, float), expected, atol=SHARE)
        expected = metrics.f1_score(truth, predicted, labels=np.unique(truth), average="macro")
        assert scores.macro_f1 == pytest.approx(expected, abs=SHARE)


def test_scores_are_plain_numbers() -> None:
    scores = score_logits(np.eye(2, dtype=np.float32), [0, 1], ["a", "b"], NEUTRAL)
    assert type(scores.top1) is float
    assert type(scores.top5) is float
    assert type(scores.confusion[0][0]) is int
    assert type(scores.per_class["a"]["videos"]) is int
    assert type(scores.per_class["a"]["top1"]) is float


def test_scores_carry_the_intervals_of_their_shares() -> None:
    logits = np.eye(7, dtype=np.float32)
    logits[:3] = logits[:3, ::-1] - np.arange(7) * 0.01  # 0, 1 and 2 are wrong; 0 and 1 are not among the best five
    scores = score_logits(logits, range(7), "abcdefg", NEUTRAL)
    assert (scores.top1, scores.top5) == (4 / 7, 1.0)
    assert scores.top1_interval == wilson_interval(4, 7)
    assert scores.top5_interval == wilson_interval(7, 7)


def test_scores_are_json() -> None:
    scores = score_logits(np.eye(3, dtype=np.float32), [0, 1, None], "abc", NEUTRAL)
    assert json.loads(json.dumps(dataclasses.asdict(scores), allow_nan=False))["videos"] == 2


def test_the_temperature_moves_probabilities_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    logits, truth = rng.standard_normal((40, 5)), rng.integers(0, 5, 40).tolist()
    plain, sharp = (score_logits(logits, truth, "abcde", replace(NEUTRAL, temperature=t)) for t in (1.0, 0.1))
    assert sharp.calibration["mean_confidence"] > plain.calibration["mean_confidence"] + 0.3
    assert sharp.log_loss > plain.log_loss
    assert (sharp.top1, sharp.confusion, sharp.macro_f1) == (plain.top1, plain.confusion, plain.macro_f1)


def test_the_reliability_is_said_beside_what_a_perfect_model_would_show() -> None:
    scores = score_logits(np.tile([1.0, 0.0], (62, 1)), [0] * 40 + [1] * 22, "ab", NEUTRAL)
    expected = expected_error(np.full(62, 1 / (1 + np.exp(-1))))
    assert scores.calibration["expected_error"] == pytest.approx(expected, abs=SHARE)
    assert scores.reliability == (
        "top-1 is 0.52 to 0.75 with 95 % confidence; its mean probability 0.73, calibration error 0.09 "
        f"(a perfectly calibrated model: {expected:.2f} on as many)"
    )


def test_clips_of_no_label_are_counted_apart_where_no_class_is_theirs() -> None:
    logits = np.array([[3.0, 0], [0, 3], [3, 0], [0.1, 0], [2, 0]])
    decision = replace(
        NEUTRAL, reject=Reject(score="max_probability", threshold=0.7, accepted=0.95, false_accepted=None)
    )
    alone = score_logits(logits[:3], [0, 1, 1], "ab", decision)
    scores = score_logits(logits, [0, 1, 1, None, None], "ab", decision)
    assert scores.negatives == {"videos": 2, "falsely_accepted": 0.5, "interval": wilson_interval(1, 2)}
    assert replace(scores, negatives=None) == alone
    assert scores.known["share"] == 1.0
    with pytest.raises(ArgumentError, match="no video shows one of the model's labels"):
        score_logits(logits, [None] * 5, "ab", decision)


def test_known_answers_are_counted_apart_from_all() -> None:
    logits = np.array([[3.0, 0], [0, 3], [3, 0], [0.1, 0]])
    decision = replace(
        NEUTRAL, reject=Reject(score="max_probability", threshold=0.7, accepted=0.95, false_accepted=None)
    )
    scores = score_logits(logits, [0, 1, 1, 0], "ab", decision)
    assert scores.top1 == 0.75  # what is not known still has a top label
    assert scores.known == {
        "share": 0.75,
        "interval": wilson_interval(3, 4),
        "accuracy": pytest.approx(2 / 3, abs=SHARE),
        "accuracy_interval": wilson_interval(2, 3),
        # Three of one score, one of them wrong, then a right one: 1/3 each at 1, 2 and 3 accepted, 1/4 at 4.
        "area_under_risk_coverage": pytest.approx((3 * (1 / 3) + 1 / 4) / 4, abs=SHARE),
    }


def test_a_class_for_none_of_them_is_right_where_the_clip_is_not_known() -> None:
    labels = ("fall", "_none", "run")
    decision = replace(NEUTRAL, none_label="_none")
    logits = np.array([[3.0, 0, 0], [1, 2, 0], [0, 2, 1], [1, 0, 0], [0, 0, 1]])
    scores = score_logits(logits, [0, 0, 1, 1, 0], labels, decision)
    assert scores.confusion == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]
    assert scores.videos == 5
    assert scores.top1 == pytest.approx(2 / 5, abs=SHARE)
    assert scores.per_class["_none"]["top1"] == 0.5
    assert scores.known["share"] == pytest.approx(2 / 3, abs=SHARE)  # the second clip of a fall is not
    assert scores.known["accuracy"] == pytest.approx(1 / 3, abs=SHARE)  # of the first, fourth and fifth
    assert scores.negatives == {"videos": 2, "falsely_accepted": 0.5, "interval": wilson_interval(1, 2)}


SIGMOID = replace(
    NEUTRAL,
    activation="sigmoid",
    operating_points={"a": OperatingPoint(probability=0.7, precision=1.0, recall=1.0), "b": None},
)


def test_labels_that_hold_together_are_scored_one_by_one() -> None:
    logits = np.array([[1.0, 2, -2], [0.5, -1, -2], [-1, -1, -1], [3, 2, -2]])
    targets = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0]], bool)
    scores = score_answers(Answers(logits=logits, targets=targets), "abc", SIGMOID)
    assert scores.videos == 3
    assert scores.top1 == pytest.approx(2 / 3, abs=SHARE)  # the last is said to be "a" first
    assert scores.per_class["a"] == {
        "videos": 2,
        "top1": 1.0,
        "top1_interval": wilson_interval(2, 2),
        "precision": 0.5,  # the first and the last reach 0.7
        "recall": 0.5,
        "f1": 0.5,
        "average_precision": pytest.approx((1 / 2 + 2 / 3) / 2, abs=SHARE),
    }
    assert (scores.per_class["b"]["precision"], scores.per_class["b"]["recall"]) == (1.0, 1.0)
    assert scores.per_class["c"]["average_precision"] is None
    assert scores.average_precision == pytest.approx(((1 / 2 + 2 / 3) / 2 + 1) / 2, abs=SHARE)
    assert scores.negatives == {"videos": 1, "falsely_accepted": 0.0, "interval": wilson_interval(0, 1)}
    assert scores.confusion == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]  # of clips with one label
    assert scores.known["share"] == pytest.approx(2 / 3, abs=SHARE)
    assert accepted(logits, "abc", SIGMOID).tolist() == [True, False, False, True]


def test_random_labels_that_hold_together_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    targets = rng.random((80, 4)) < 0.3
    logits = rng.normal(0, 1, (80, 4)) + 2 * targets - 1
    scores = score_answers(Answers(logits=logits, targets=targets), "wxyz", replace(NEUTRAL, activation="sigmoid"))
    found, probabilities = logits >= 0, 1 / (1 + np.exp(-logits))
    assert scores.average_precision == pytest.approx(metrics.average_precision_score(targets, logits), abs=SHARE)
    assert scores.macro_f1 == pytest.approx(metrics.f1_score(targets, found, average="macro"), abs=SHARE)
    losses = [metrics.log_loss(targets[:, column], probabilities[:, column]) for column in range(4)]
    assert scores.log_loss == pytest.approx(np.mean(losses), abs=SHARE)
    squares = [metrics.brier_score_loss(targets[:, column], probabilities[:, column]) for column in range(4)]
    assert scores.brier == pytest.approx(np.mean(squares), abs=SHARE)
    low, high = scores.average_precision_interval or (np.nan, np.nan)
    again = []
    for _ in range(300):
        rows = rng.integers(80, size=80)
        again.append(metrics.average_precision_score(targets[rows], logits[rows]))
    # The ends of 300 resamples scatter by about a hundredth.
    assert (low, high) == pytest.approx(np.quantile(again, [0.025, 0.975]).tolist(), abs=0.03)


def test_clips_that_are_all_right_leave_bootstrapped_intervals_unknown() -> None:
    targets = np.array([[1, 0], [0, 1], [1, 0]], bool)
    answers = Answers(logits=np.where(targets, 3.0, -3.0), targets=targets)
    scores = score_answers(answers, "ab", replace(NEUTRAL, activation="sigmoid"))
    assert (scores.average_precision, scores.average_precision_interval) == (1.0, None)
    assert (scores.macro_f1, scores.macro_f1_interval) == (1.0, None)
    assert scores.top1_interval == wilson_interval(3, 3)


def test_the_interval_of_macro_f1_is_that_of_plain_resampling() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 60)
    logits = rng.standard_normal((60, 4))
    logits[np.arange(60), truth] += 1
    again = []
    for _ in range(300):
        rows = rng.integers(60, size=60)
        predicted = logits[rows].argmax(axis=1)
        again.append(metrics.f1_score(truth[rows], predicted, labels=np.unique(truth[rows]), average="macro"))
    scores = score_logits(logits, truth.tolist(), "abcd", NEUTRAL)
    assert scores.macro_f1_interval == pytest.approx(np.quantile(again, [0.025, 0.975]).tolist(), abs=0.03)
