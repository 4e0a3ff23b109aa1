"""Curves over every threshold of a score, and the areas below them.

Clips of the same score cannot be told apart by a threshold: they are always accepted together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

BINS = 15


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One point for each threshold, from the strictest on; float64 [points] all three.

    x, y: see the function that made it. thresholds: clips that score at least so much are accepted.
    """

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    thresholds: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Probabilities from above `low` to `high`: how many, their mean, and what share of them came true."""

    low: float
    high: float
    count: int
    mean_probability: float
    share: float


def roc(scores: Scores, is_positive: Mask) -> Curve:
    """x: the share of other clips that a threshold accepts wrongly; y: the share of positives that it accepts.

    The first point accepts nothing, at an infinite threshold. NaN where there are no clips of a kind.
    """
    thresholds, right, wrong = _accepted(scores, is_positive)
    with np.errstate(invalid="ignore"):
        return Curve(
            x=np.append(0.0, wrong) / np.float64(wrong[-1]),
            y=np.append(0.0, right) / np.float64(right[-1]),
            thresholds=np.append(np.inf, thresholds),
        )


def auroc(scores: Scores, is_positive: Mask) -> float:
    """How often a positive clip scores above another one, ties counting half: 0.5 is chance. NaN without both kinds.

    >>> import numpy as np
    >>> from vidcls.evaluation.curves import auroc
    >>> auroc(np.array([0.9, 0.4, 0.4, 0.1]), np.array([True, True, False, False]))
    0.875
    """
    return float(weighted_auroc(scores[is_positive], scores[~is_positive]))


def weighted_auroc(
    positive: Scores,
    negative: Scores,
    positive_weights: npt.NDArray[np.float64] | None = None,
    negative_weights: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """AUROC where clips count so often, [..., clips]; a figure for each leading index, so that resamples go at once."""
    ours = np.ones(len(positive)) if positive_weights is None else positive_weights
    theirs = np.ones(len(negative)) if negative_weights is None else negative_weights
    order = np.argsort(negative, kind="stable")
    ranked = np.asarray(negative, np.float64)[order]
    below = np.cumsum(theirs[..., order], axis=-1)
    below = np.concatenate([np.zeros((*below.shape[:-1], 1)), below], axis=-1)
    beaten = (
        below[..., np.searchsorted(ranked, positive, "left")] + below[..., np.searchsorted(ranked, positive, "right")]
    )
    with np.errstate(invalid="ignore"):
        return np.asarray((ours * beaten / 2).sum(axis=-1) / (ours.sum(axis=-1) * theirs.sum(axis=-1)))


def precision_recall(scores: Scores, is_positive: Mask) -> Curve:
    """x: the share of positives that a threshold accepts (recall); y: the share of the accepted that are (precision).

    x is NaN without positives.
    """
    thresholds, right, wrong = _accepted(scores, is_positive)
    with np.errstate(invalid="ignore"):
        return Curve(x=right / np.float64(right[-1]), y=right / (right + wrong), thresholds=thresholds)


def average_precision(scores: Scores, is_positive: Mask) -> float:
    """The area below precision over recall, in steps: each gain of recall times the precision there.

    scikit-learn's definition, which interpolates nothing. NaN without positives.

    >>> import numpy as np
    >>> from vidcls.evaluation.curves import average_precision
    >>> print(f"{average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True])):.3f}")
    0.833
    """
    curve = precision_recall(scores, is_positive)
    return float((np.diff(curve.x, prepend=0.0) * curve.y).sum())


def weighted_average_precision(
    scores: Scores, is_positive: Mask, weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Average precision where clips count so often, weights [resamples, clips]; NaN for one without positives."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    right = np.cumsum(weights[:, order] * is_positive[order], axis=1)[:, last]
    accepted = np.cumsum(weights[:, order], axis=1)[:, last]
    gains = np.diff(right, prepend=0.0, axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray((gains * right / np.maximum(accepted, 1.0)).sum(axis=1) / right[:, -1])


def risk_coverage(scores: Scores, is_right: Mask) -> Curve:
    """x: the share of answers that a threshold accepts (coverage); y: the share of those that are wrong (risk).

    El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 11 (2010).
    """
    thresholds, right, wrong = _accepted(scores, is_right)
    return Curve(x=(right + wrong) / len(scores), y=wrong / (right + wrong), thresholds=thresholds)


def area_under_risk_coverage(scores: Scores, is_right: Mask) -> float:
    """The mean risk when the best 1, 2, ... all answers are accepted; those of one score in every order alike.

    Geifman and El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers" (2019): AURC. 0 is perfect;
    a score that says nothing has the share of wrong answers.

    >>> import numpy as np
    >>> from vidcls.evaluation.curves import area_under_risk_coverage
    >>> area_under_risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, True, False]))
    0.0625
    """
    _, right, wrong = _accepted(scores, is_right)
    accepted = np.append(0, right + wrong)
    errors = np.append(0, wrong)
    ranks = np.arange(1, len(scores) + 1)
    return float((np.interp(ranks, accepted, errors) / ranks).mean())


def reliability(probabilities: Scores, targets: Mask) -> list[Bin]:
    """What came true of probabilities, in 15 bins of equal width; the empty ones are left out.

    Args:
        probabilities, targets: of one shape; of a softmax model those of the top-1 labels, and whether they are right.

    >>> import numpy as np
    >>> from vidcls.evaluation.curves import reliability
    >>> [(row.count, row.share) for row in reliability(np.array([0.9, 0.91, 0.2]), np.array([True, False, False]))]
    [(1, 0.0), (2, 0.5)]
    """
    numbers = bin_numbers(probabilities).ravel()
    counts = np.bincount(numbers, minlength=BINS)
    totals = np.bincount(numbers, weights=np.asarray(probabilities, np.float64).ravel(), minlength=BINS)
    hits = np.bincount(numbers, weights=targets.ravel(), minlength=BINS)
    return [
        Bin(
            low=number / BINS,
            high=(number + 1) / BINS,
            count=int(counts[number]),
            mean_probability=float(totals[number] / counts[number]),
            share=float(hits[number] / counts[number]),
        )
        for number in np.flatnonzero(counts)
    ]


def bin_numbers(probabilities: Scores) -> npt.NDArray[np.intp]:
    """The bin of each probability, from above its lower end to its upper one; 0 is in the first."""
    return np.clip(np.ceil(np.asarray(probabilities) * BINS).astype(np.intp) - 1, 0, BINS - 1)


def _accepted(
    scores: Scores, is_positive: Mask
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The distinct scores from the highest on, and how many positives and others score at least so much."""
    thresholds, members = np.unique(-np.asarray(scores, np.float64), return_inverse=True)
    positives = np.bincount(members, weights=is_positive, minlength=len(thresholds)).astype(np.intp)
    return -thresholds, np.cumsum(positives), np.cumsum(np.bincount(members) - positives)
