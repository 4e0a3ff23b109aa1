"""The reject rule: below which score an answer shows none of the labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from vidcls.contract import Decision, Reject
from vidcls.decision import known, reject_scores, top_class
from vidcls.evaluation.answers import Answers, positives
from vidcls.evaluation.curves import weighted_auroc
from vidcls.evaluation.intervals import blocks, draw, percentile_interval

Score = Literal["max_probability", "energy"]
SIMPLEST: Score = "max_probability"

# The share of right answers that the rule keeps.
KEEP = 0.95


def fit_reject(
    answers: Answers,
    labels: Sequence[str],
    decision: Decision,
    negatives: npt.NDArray[np.floating] | None,
    *,
    keep: float = KEEP,
) -> tuple[Reject | None, tuple[str, ...]]:
    """The threshold that keeps the share `keep` of right answers, and sentences on what was not fitted and why.

    Split conformal prediction (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005), see
    `conformal_threshold`. A new right answer is kept with a probability of at least `keep`, on average over sets of
    validation clips; a single set's share scatters around that, by 0.034 where 39 are right. Below `fewest_right(keep)`
    answers no threshold keeps so many, and there is no rule.

    The score is the largest probability, unless the clips of `negatives` say that energy is better: unless its AUROC of
    clips with labels against those is higher by a paired bootstrap interval above 0. `false_accepted` is measured on
    the negatives that chose between the two, which flatters it a little where energy was taken.

    Neither a model with a none label, whose class does that work, nor one whose labels hold each by itself, whose
    thresholds do, has a rule.

    Args:
        answers: of validation clips.
        decision: with its temperature.
        negatives: logits [clips, labels] of clips that show none of the labels; None where there are none. Those of
            `answers` that show none are added.
        keep: the share of right answers to keep.
    """
    if decision.none_label is not None or decision.activation == "sigmoid":
        return None, ()
    labels, shows_label = tuple(labels), positives(answers, tuple(labels), decision)
    usable, unlabelled = answers[shows_label], answers[~shows_label].logits
    negatives = unlabelled if negatives is None else np.concatenate([negatives, unlabelled])
    right = usable[usable.targets[np.arange(len(usable)), top_class(usable.logits, labels, decision)]]
    least = fewest_right(keep)
    if len(right) < least:
        return None, (
            f"no reject rule: only {len(right)} validation clips are answered right, and a threshold that keeps "
            f"{keep:.0%} of right answers needs {least}; every answer counts as one of the labels",
        )
    score = better_score(usable.logits, negatives, labels, decision) if len(negatives) else SIMPLEST
    kept = reject_scores(right.logits, labels, decision, score=score)
    threshold = conformal_threshold(kept, keep=keep)
    rule = Reject(score=score, threshold=threshold, accepted=float((kept >= threshold).mean()), false_accepted=None)
    return measured(rule, labels, decision, negatives), ()


def measured(rule: Reject, labels: Sequence[str], decision: Decision, negatives: npt.NDArray[np.floating]) -> Reject:
    """The rule with the share of negatives, logits [clips, labels], that it takes for known ones; None without any."""
    if not len(negatives):
        return replace(rule, false_accepted=None)
    accepted = known(negatives, tuple(labels), replace(decision, reject=rule))
    return replace(rule, false_accepted=float(accepted.mean()))


def better_score(
    positive: npt.NDArray[np.floating], negative: npt.NDArray[np.floating], labels: Sequence[str], decision: Decision
) -> Score:
    """The simplest score, unless another tells logits [clips, labels] of both kinds apart better beyond doubt."""
    for score in get_args(Score):
        if score != SIMPLEST and auroc_advantage(positive, negative, labels, decision, score=score)[1] > 0:
            return score  # type: ignore[no-any-return]
    return SIMPLEST


def auroc_advantage(
    positive: npt.NDArray[np.floating],
    negative: npt.NDArray[np.floating],
    labels: Sequence[str],
    decision: Decision,
    *,
    score: Score,
) -> tuple[float, float, float]:
    """By how much `score`'s AUROC is above that of the largest probability, and the ends of its 95 % interval.

    Clips with labels and clips without are drawn again, each kind by itself, and both scores compared on each draw.
    """
    both = np.concatenate([positive, negative])
    ours, theirs = (
        np.split(reject_scores(both, tuple(labels), decision, score=name), [len(positive)])
        for name in (score, SIMPLEST)
    )
    rng, differences = np.random.default_rng(0), []
    for rows in blocks(len(positive) + len(negative)):
        weights = draw(len(positive), rows, rng), draw(len(negative), rows, rng)
        differences.append(weighted_auroc(ours[0], ours[1], *weights) - weighted_auroc(theirs[0], theirs[1], *weights))
    return (
        float(weighted_auroc(ours[0], ours[1]) - weighted_auroc(theirs[0], theirs[1])),
        *percentile_interval(np.concatenate(differences)),
    )


def conformal_threshold(scores: npt.NDArray[np.floating], *, keep: float) -> float:
    """The k-th smallest score of right answers, k = floor((1 - keep) * (n + 1)); minus infinity where k is 0.

    >>> import numpy as np
    >>> from vidcls.fitting.reject import conformal_threshold
    >>> conformal_threshold(np.array([0.7, 0.9, 0.4, 0.8]), keep=0.6)
    0.7
    """
    rank = math.floor((1 - keep) * (len(scores) + 1) + 1e-9)  # 0.1 * 10 is below 1 in binary
    return float(np.sort(scores)[rank - 1]) if rank else -math.inf


def fewest_right(keep: float) -> int:
    """The smallest number of right answers from which a threshold follows: 19 to keep 95 %."""
    return math.ceil(1 / (1 - keep) - 1e-9) - 1
