"""Figures of clips that are new to a model, and of those that it knows: never one figure over both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidcls.contract import Contract, Decision
from vidcls.decision import probabilities
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.intervals import wilson_interval
from vidcls.evaluation.metrics import Scores, accepted, score_answers
from vidcls.evaluation.origins import Origin


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Some of an evaluation's videos.

    answers: to each of them, those without any of the labels too. scores: None where none of them shows a label.
    negatives: of those that show none of the labels {"videos", "falsely_accepted", "interval"}; None without any.
    operating_points: see `operating_figures`.
    """

    answers: Answers
    scores: Scores | None
    negatives: dict[str, Any] | None
    operating_points: dict[str, dict[str, Any] | None] | None

    @property
    def top1(self) -> float | None:
        """Accuracy; None where no video shows a label."""
        return None if self.scores is None else self.scores.top1

    def fields(self) -> dict[str, Any]:
        """Its main figures, for JSON; None where there is nothing to measure them on."""
        scores = self.scores
        return {
            "videos": 0 if scores is None else scores.videos,
            "top1": self.top1,
            "top1_interval": None if scores is None else scores.top1_interval,
            "top5": None if scores is None else scores.top5,
            "top5_interval": None if scores is None else scores.top5_interval,
            "map": None if scores is None else scores.average_precision,
            "map_interval": None if scores is None else scores.average_precision_interval,
            "negatives": self.negatives,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """An evaluation's videos by what the model knows of them.

    new: those it does not know; all of them where it does not say which it knows. trained_on, chosen_by: the others;
    None where the model does not say.
    """

    new: Part
    trained_on: Part | None
    chosen_by: Part | None


def score_apart(answers: Answers, origins: Sequence[Origin | None], contract: Contract) -> Parts:
    """Score the answers by what the model knows of each video.

    Args:
        answers: of the videos.
        origins: of the same videos, see `vidcls.evaluation.origins`.
        contract: the model's.
    """
    says = contract.source.clips is not None

    def part(origin: Origin | None) -> Part:
        return _part(answers[np.array([found == origin for found in origins], bool)], contract)

    return Parts(
        new=part(None),
        trained_on=part("train") if says else None,
        chosen_by=part("val") if says else None,
    )


def false_acceptance(answers: Answers, labels: Sequence[str], decision: Decision) -> dict[str, Any] | None:
    """How many clips that show none of the labels are taken for known ones; None without any clip.

    Returns:
        {"videos", "falsely_accepted": share, "interval": ends of its 95 % interval}.
    """
    if not len(answers):
        return None
    taken = accepted(answers.logits, labels, decision)
    return {
        "videos": len(taken),
        "falsely_accepted": float(taken.mean()),
        "interval": wilson_interval(int(taken.sum()), len(taken)),
    }


def operating_figures(
    answers: Answers, labels: Sequence[str], decision: Decision
) -> dict[str, dict[str, Any] | None] | None:
    """What the model's operating points are worth on these answers; None where it has none.

    Returns:
        By label, None for one without a point: {"probability", "videos": that show the label, "found": clips at or
        above the point, "precision", "precision_interval", "recall", "recall_interval"}, shares of nothing None.
    """
    if decision.operating_points is None:
        return None
    found = probabilities(answers.logits, decision)
    figures: dict[str, dict[str, Any] | None] = {}
    for label, point in decision.operating_points.items():
        column = list(labels).index(label)
        if point is None:
            figures[label] = None
            continue
        above, true = found[:, column] >= point.probability, answers.targets[:, column]
        hits = int((above & true).sum())
        precision, recall = _share(hits, int(above.sum())), _share(hits, int(true.sum()))
        figures[label] = {
            "probability": point.probability,
            "videos": int(true.sum()),
            "found": int(above.sum()),
            "precision": precision[0],
            "precision_interval": precision[1],
            "recall": recall[0],
            "recall_interval": recall[1],
        }
    return figures


def _part(answers: Answers, contract: Contract) -> Part:
    labels, decision = contract.labels, contract.decision
    scores = score_answers(answers, labels, decision) if answers.targets.any() else None
    return Part(
        answers=answers,
        scores=scores,
        negatives=false_acceptance(answers, labels, decision) if scores is None else scores.negatives,
        operating_points=operating_figures(answers, labels, decision),
    )


def _share(hits: int, total: int) -> tuple[float | None, tuple[float, float] | None]:
    return (hits / total, wilson_interval(hits, total)) if total else (None, None)
