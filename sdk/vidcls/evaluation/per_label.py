"""Precision, recall, F1 and average precision of each label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.evaluation.curves import average_precision, weighted_average_precision
from vidcls.evaluation.intervals import Interval, bootstrap_interval, wilson_interval

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """Figures by label and their means, as `vidcls.evaluation.metrics.Scores` holds them."""

    per_class: dict[str, dict[str, Any]]
    macro_f1: float
    macro_f1_interval: Interval | None
    average_precision: float | None
    average_precision_interval: Interval | None


def label_scores(labels: Sequence[str], *, targets: Mask, found: Mask, right: Mask) -> LabelScores:
    """Scores of what was found; at least one clip with a label.

    Args:
        targets, found: [clips, labels], the labels that each clip shows, and those that are said of it.
        right: [clips], whether the clip counts as right.
    """
    totals, named, hits = targets.sum(axis=0), found.sum(axis=0), (targets & found).sum(axis=0)
    answered = (targets & right[:, None]).sum(axis=0)
    per_class = {
        label: {
            "videos": int(totals[column]),
            "top1": _ratio(answered[column], totals[column]),
            "top1_interval": wilson_interval(answered[column].item(), int(totals[column])) if totals[column] else None,
            "precision": _ratio(hits[column], named[column]),
            "recall": _ratio(hits[column], totals[column]),
            "f1": _ratio(2 * hits[column], totals[column] + named[column]),
        }
        for column, label in enumerate(labels)
    }
    truth, said = targets.astype(np.float64), found.astype(np.float64)

    def macro_f1(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return _mean_f1(hits=counts @ (truth * said), totals=counts @ truth, named=counts @ said)

    return LabelScores(
        per_class=per_class,
        macro_f1=float(_mean_f1(hits=hits[None], totals=totals[None], named=named[None])[0]),
        macro_f1_interval=bootstrap_interval(len(targets), macro_f1),
        average_precision=None,
        average_precision_interval=None,
    )


def mean_average_precision(
    scores: npt.NDArray[np.floating], targets: Mask
) -> tuple[list[float | None], float, Interval | None]:
    """Average precision of each label, None for one without clips; their mean (mAP), and its interval.

    The interval is None where it is not known, see `vidcls.evaluation.intervals.unless_point`.

    Args:
        scores, targets: [clips, labels]; at least one True.
    """
    columns = np.flatnonzero(targets.any(axis=0))
    by_label: list[float | None] = [None] * targets.shape[1]
    for column in columns:
        by_label[column] = average_precision(scores[:, column], targets[:, column])

    def measure(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        drawn = [weighted_average_precision(scores[:, column], targets[:, column], counts) for column in columns]
        return _mean_of_numbers(np.stack(drawn, axis=1))

    return by_label, float(np.mean([by_label[column] for column in columns])), bootstrap_interval(len(scores), measure)


def _mean_f1(*, hits: npt.NDArray[Any], totals: npt.NDArray[Any], named: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The mean of F1 over labels with clips, of counts [resamples, labels]; NaN for a resample without any."""
    f1 = 2.0 * hits / np.maximum(totals + named, 1)
    return _mean_of_numbers(np.where(totals > 0, f1, np.nan))


def _mean_of_numbers(figures: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mean of each row over what is not NaN; NaN where all is."""
    valid = ~np.isnan(figures)
    counts = valid.sum(axis=1)
    return np.where(counts > 0, np.where(valid, figures, 0.0).sum(axis=1) / np.maximum(counts, 1), np.nan)


def _ratio(part: np.integer[Any], whole: np.integer[Any]) -> float | None:
    return float(part / whole) if whole else None
