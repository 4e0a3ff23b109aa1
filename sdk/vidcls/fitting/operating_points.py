"""Operating points: from which probability on a label counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from vidcls.contract import Decision, OperatingPoint
from vidcls.decision import label_columns, probabilities
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.curves import precision_recall, roc

# With fewer clips of a label the precision at a threshold is known to no more than 0.2 either way.
MIN_POSITIVES = 20


def fit_operating_points(
    answers: Answers,
    labels: Sequence[str],
    decision: Decision,
    *,
    target_precision: float,
    false_alarm_rate: float | None = None,
) -> tuple[dict[str, OperatingPoint | None] | None, tuple[str, ...]]:
    """The operating point of each label but the none label, and sentences on which have none and why.

    Null for a label with fewer than 20 clips, and for one that no threshold finds so precisely; None altogether where
    that is every label. Precision depends on how often the label occurs: it is that of clips mixed as these are. As it
    chose the threshold, it flatters a little.

    Args:
        answers: of validation clips. Those without any label count against every label.
        decision: with its temperature.
        target_precision: the share of clips found that shall show the label, 0 to 1.
        false_alarm_rate: the largest share of clips without the label that may be taken for it, 0 to 1, which then
            decides instead; None: precision does.
    """
    labels = tuple(labels)
    found = probabilities(answers.logits, decision)
    points: dict[str, OperatingPoint | None] = {}
    few, unreached = [], []
    for column in label_columns(labels, decision):
        label, is_positive = labels[column], answers.targets[:, column]
        points[label] = None
        if is_positive.sum() < MIN_POSITIVES:
            few.append(f"'{label}' ({int(is_positive.sum())})")
            continue
        if false_alarm_rate is None:
            points[label] = at_precision(found[:, column], is_positive, precision=target_precision)
        else:
            points[label] = at_false_alarm_rate(found[:, column], is_positive, rate=false_alarm_rate)
        if points[label] is None:
            unreached.append(f"'{label}'")
    notes = []
    if few:
        notes.append(
            f"no operating point for {_listed(few)}: that takes at least {MIN_POSITIVES} validation clips of the label"
        )
    if unreached:
        aim = f"a precision of {target_precision:g}"
        if false_alarm_rate is not None:
            aim = f"a false-alarm rate of {false_alarm_rate:g} with any clip found"
        notes.append(f"no operating point for {_listed(unreached)}: no threshold reaches {aim} on the validation clips")
    return (points if any(point is not None for point in points.values()) else None), tuple(notes)


def at_precision(
    scores: npt.NDArray[np.floating], is_positive: npt.NDArray[np.bool_], *, precision: float
) -> OperatingPoint | None:
    """The threshold that finds most positives among those at least so precise; None where there is none.

    Args:
        scores: probabilities [clips]. The threshold lies in the middle between the last one accepted and the next
            below, so that an answer that moves a little, in another precision, does not change sides.
        is_positive: [clips], at least one True.
        precision: the least share of positives among the accepted, 0 to 1.

    >>> import numpy as np
    >>> from vidcls.fitting.operating_points import at_precision
    >>> at_precision(np.array([0.9, 0.8, 0.4, 0.2]), np.array([True, True, False, True]), precision=0.9)
    OperatingPoint(probability=0.6000000000000001, precision=1.0, recall=0.6666666666666666)
    """
    return _point(scores, is_positive, allowed=precision_recall(scores, is_positive).y >= precision)


def at_false_alarm_rate(
    scores: npt.NDArray[np.floating], is_positive: npt.NDArray[np.bool_], *, rate: float
) -> OperatingPoint | None:
    """The threshold that finds most positives among those that take at most the share `rate` of other clips for one.

    Args:
        scores, is_positive: as in `at_precision`.
        rate: the largest share of the clips without the label that may be accepted, 0 to 1.

    >>> import numpy as np
    >>> from vidcls.fitting.operating_points import at_false_alarm_rate
    >>> at_false_alarm_rate(np.array([0.9, 0.8, 0.4, 0.3]), np.array([True, False, True, False]), rate=0.5).recall
    1.0
    """
    if is_positive.all():
        return _point(scores, is_positive, allowed=np.ones(len(np.unique(scores)), bool))
    return _point(scores, is_positive, allowed=roc(scores, is_positive).x[1:] <= rate)


def _point(
    scores: npt.NDArray[np.floating], is_positive: npt.NDArray[np.bool_], *, allowed: npt.NDArray[np.bool_]
) -> OperatingPoint | None:
    """Of the allowed thresholds that find most, and something at all, the highest."""
    curve = precision_recall(scores, is_positive)
    recall = np.where(allowed, curve.x, 0.0)
    best = int(recall.argmax())
    if not recall[best] > 0:
        return None
    below = np.append(curve.thresholds[1:], 0.0)[best]
    return OperatingPoint(
        probability=float((curve.thresholds[best] + below) / 2),
        precision=float(curve.y[best]),
        recall=float(curve.x[best]),
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
