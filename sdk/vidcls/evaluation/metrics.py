"""How good predictions are: accuracy, F1, calibration and false acceptance over whole videos, from logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.contract import Decision
from vidcls.decision import known, probabilities, reject_scores, thresholds, top_class
from vidcls.errors import ArgumentError
from vidcls.evaluation.answers import Answers, answers_of, positives
from vidcls.evaluation.calibration import (
    binned_error,
    brier_scores,
    calibration_error,
    claims,
    expected_error,
    log_losses,
)
from vidcls.evaluation.curves import BINS, area_under_risk_coverage
from vidcls.evaluation.intervals import Interval, wilson_interval
from vidcls.evaluation.per_label import LabelScores, label_scores, mean_average_precision

__all__ = ["Scores", "accepted", "calibration_error", "score_answers", "score_logits", "wilson_interval"]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Figures of a set of videos; shares are 0..1, and intervals the ends of 95 % confidence.

    videos: those that `top1` is about, see `score_answers`. top1_interval, top5_interval: see `wilson_interval`.
    per_class: {label: {"videos": int, "top1": share, "precision", "recall", "f1": share, each None where it is of no
    video, and of a sigmoid model "average_precision"}}; top1 of a label is the share of its videos that are right.
    confusion: counts; the row is the true label, the column the predicted one, in label order; of a sigmoid model those
    of videos with one label alone. macro_f1: the mean of F1 over labels with videos.
    average_precision: of a sigmoid model the mean over labels with videos (mAP); None of softmax.
    macro_f1_interval, average_precision_interval: by drawing videos again; None where that always gives the same, as
    where all are right, which says nothing of others.
    log_loss, brier: see `vidcls.evaluation.calibration`; means over videos.
    calibration: {"error": see `calibration_error`, "expected_error": see `expected_error`, "bins": how many,
    "mean_confidence": of the top-1 labels, "log_loss", "brier"}; of a sigmoid model of every label's probability.
    known: {"share": of the videos that show a label other than none, how many the decision takes for known,
    "interval", "accuracy": of those of `videos` that it takes for known, the share whose label is right, so that
    `negatives` that are counted apart do not lower it, "accuracy_interval",
    "area_under_risk_coverage": see there}; shares of nothing are None.
    negatives: {"videos", "falsely_accepted": share, "interval"} of the clips that show none of the labels; None without
    any. Those of a model with a none label are among `videos`, others apart.
    """

    videos: int
    top1: float
    top5: float
    per_class: dict[str, dict[str, Any]]
    confusion: list[list[int]]
    top1_interval: tuple[float, float]
    top5_interval: tuple[float, float]
    calibration: dict[str, Any]
    log_loss: float
    brier: float
    macro_f1: float
    macro_f1_interval: Interval | None
    average_precision: float | None
    average_precision_interval: Interval | None
    known: dict[str, Any]
    negatives: dict[str, Any] | None

    @property
    def reliability(self) -> str:
        """How far the figures are to be trusted, in one line."""
        (low, high), calibration = self.top1_interval, self.calibration
        return (
            f"top-1 is {low:.2f} to {high:.2f} with 95 % confidence; its mean probability "
            f"{calibration['mean_confidence']:.2f}, calibration error {calibration['error']:.2f} "
            f"(a perfectly calibrated model: {calibration['expected_error']:.2f} on as many)"
        )


def score_logits(
    logits: npt.NDArray[np.floating], class_ids: Sequence[int | None], labels: Sequence[str], decision: Decision
) -> Scores:
    """`score_answers` of logits [videos, labels] and the true class id of each, None for one that shows no label.

    >>> import numpy as np
    >>> from vidcls.contract import NEUTRAL
    >>> from vidcls.evaluation.metrics import score_logits
    >>> scores = score_logits(np.array([[2.0, 0.0], [1.0, 0.5], [0.0, 3.0]]), [0, 1, 1], ["clap", "wave"], NEUTRAL)
    >>> scores.confusion
    [[1, 0], [1, 1]]
    >>> print(f"{scores.top1:.2f}")
    0.67
    """
    return score_answers(answers_of(logits, class_ids, labels), labels, decision)


def score_answers(answers: Answers, labels: Sequence[str], decision: Decision) -> Scores:
    """Score answers by the decision that the model carries.

    softmax: a video is right if its label is predicted; with a none label the prediction is that wherever the video is
    not known, so that a video of none of the labels is right if it is not known. Without one such videos are
    `negatives`, and nothing else is about them. sigmoid: top1 is of the videos that show a label, which are right if
    the most probable one is theirs; figures by label, log loss and calibration are of all.

    top5 counts a video as right if fewer than five labels score above the true one (with five labels or fewer it is
    therefore 1), or if it is right anyhow.

    Raises:
        ArgumentError: no video shows one of the labels.
    """
    labels = tuple(labels)
    labelled = answers[np.flatnonzero(answers.targets.any(axis=1))]
    if not len(labelled):
        raise ArgumentError("no video shows one of the model's labels; there is no accuracy without any")
    judged = answers if decision.activation == "sigmoid" else labelled
    predicted = _predicted(labelled, labels, decision)
    right = labelled.targets[np.arange(len(labelled)), predicted]
    top5 = right | _among_five(labelled)
    by_label = _by_label(judged, labels, decision)
    calibration = _calibration(judged, decision)
    return Scores(
        videos=len(labelled),
        top1=float(right.mean()),
        top5=float(top5.mean()),
        per_class=by_label.per_class,
        confusion=_confusion(labelled, predicted),
        top1_interval=_interval(right),
        top5_interval=_interval(top5),
        calibration=calibration,
        log_loss=calibration["log_loss"],
        brier=calibration["brier"],
        macro_f1=by_label.macro_f1,
        macro_f1_interval=by_label.macro_f1_interval,
        average_precision=by_label.average_precision,
        average_precision_interval=by_label.average_precision_interval,
        known=_known(labelled, labels, decision),
        negatives=_negatives(answers[~positives(answers, labels, decision)], labels, decision),
    )


def accepted(logits: npt.NDArray[np.floating], labels: Sequence[str], decision: Decision) -> npt.NDArray[np.bool_]:
    """Whether something is said of logits [clips, labels]: known, and of a sigmoid model at least one label present."""
    return np.asarray(known(logits, tuple(labels), decision) & _present(logits, tuple(labels), decision).any(axis=1))


def _present(logits: npt.NDArray[np.floating], labels: tuple[str, ...], decision: Decision) -> npt.NDArray[np.bool_]:
    """The labels that are said of each clip, known or not, [clips, labels]."""
    if decision.activation == "sigmoid":
        return probabilities(logits, decision) >= thresholds(labels, decision)
    return np.asarray(top_class(logits, labels, decision)[:, None] == np.arange(len(labels)))


def _predicted(answers: Answers, labels: tuple[str, ...], decision: Decision) -> npt.NDArray[np.intp]:
    """The class id said of each clip: the top one, or of a model with a none label that one where it is not known."""
    top = top_class(answers.logits, labels, decision)
    if decision.none_label is None:
        return top
    return np.where(known(answers.logits, labels, decision), top, labels.index(decision.none_label))


def _among_five(answers: Answers) -> npt.NDArray[np.bool_]:
    """Whether fewer than five labels score above the best of the true ones."""
    best = np.where(answers.targets, answers.logits, -np.inf).max(axis=1, keepdims=True)
    return np.asarray((answers.logits > best).sum(axis=1) < 5)


def _by_label(judged: Answers, labels: tuple[str, ...], decision: Decision) -> LabelScores:
    if decision.activation == "softmax":
        predicted = _predicted(judged, labels, decision)
        found = predicted[:, None] == np.arange(len(labels))
        return label_scores(labels, targets=judged.targets, found=found, right=(judged.targets & found).any(axis=1))
    top = judged.logits.argmax(axis=1)
    found = _present(judged.logits, labels, decision) & known(judged.logits, labels, decision)[:, None]
    right = judged.targets[np.arange(len(judged)), top]
    scores = label_scores(labels, targets=judged.targets, found=found, right=right)
    by_label, mean, interval = mean_average_precision(judged.logits, judged.targets)
    per_class = {
        label: {**scores.per_class[label], "average_precision": precision}
        for label, precision in zip(labels, by_label, strict=True)
    }
    return replace(scores, per_class=per_class, average_precision=mean, average_precision_interval=interval)


def _confusion(answers: Answers, predicted: npt.NDArray[np.intp]) -> list[list[int]]:
    alone = answers.targets.sum(axis=1) == 1
    confusion = np.zeros((answers.targets.shape[1],) * 2, np.int64)
    np.add.at(confusion, (answers.targets[alone].argmax(axis=1), predicted[alone]), 1)
    return [[int(count) for count in row] for row in confusion]


def _calibration(judged: Answers, decision: Decision) -> dict[str, Any]:
    claimed, came_true = claims(judged, decision)
    return {
        "error": binned_error(claimed, came_true),
        "expected_error": expected_error(claimed),
        "bins": BINS,
        "mean_confidence": float(probabilities(judged.logits, decision).max(axis=1).mean()),
        "log_loss": float(log_losses(judged, decision).mean()),
        "brier": float(brier_scores(judged, decision).mean()),
    }


def _known(answers: Answers, labels: tuple[str, ...], decision: Decision) -> dict[str, Any]:
    taken = accepted(answers.logits, labels, decision)
    right = answers.targets[np.arange(len(answers)), top_class(answers.logits, labels, decision)]
    score = "max_probability" if decision.reject is None else decision.reject.score
    share, interval = _share(taken[positives(answers, labels, decision)])
    accuracy, accuracy_interval = _share(right[taken])
    return {
        "share": share,
        "interval": interval,
        "accuracy": accuracy,
        "accuracy_interval": accuracy_interval,
        "area_under_risk_coverage": area_under_risk_coverage(
            reject_scores(answers.logits, labels, decision, score=score), right
        ),
    }


def _negatives(negatives: Answers, labels: tuple[str, ...], decision: Decision) -> dict[str, Any] | None:
    if not len(negatives):
        return None
    share, interval = _share(accepted(negatives.logits, labels, decision))
    return {"videos": len(negatives), "falsely_accepted": share, "interval": interval}


def _share(mask: npt.NDArray[np.bool_]) -> tuple[float | None, tuple[float, float] | None]:
    return (float(mask.mean()), _interval(mask)) if len(mask) else (None, None)


def _interval(mask: npt.NDArray[np.bool_]) -> tuple[float, float]:
    return wilson_interval(int(mask.sum()), len(mask))
