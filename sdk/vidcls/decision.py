"""Logits -> calibrated probabilities, and whether they show one of the labels at all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vidcls.contract import Decision

# From which probability on a label of a sigmoid model counts that has no operating point.
EVEN = 0.5


def softmax(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """exp(x) / sum(exp(x)) over the last axis, shifted by the maximum so that it cannot overflow."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def sigmoid(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """1 / (1 + exp(-x)), written so that it cannot overflow."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -logits.astype(np.float64))))


def probabilities(logits: npt.NDArray[np.floating], decision: Decision) -> npt.NDArray[np.float64]:
    """Calibrated probabilities, float64 of the logits' shape [..., labels]: activation(logits / temperature).

    >>> import numpy as np
    >>> from dataclasses import replace
    >>> from vidcls.contract import NEUTRAL
    >>> from vidcls.decision import probabilities
    >>> logits = np.array([0.5676, 0.0710, 0.1176, -0.2571])
    >>> probabilities(logits, replace(NEUTRAL, activation="sigmoid")).round(3).tolist()
    [0.638, 0.518, 0.529, 0.436]
    >>> probabilities(logits, replace(NEUTRAL, temperature=0.1)).round(3).tolist()
    [0.982, 0.007, 0.011, 0.0]
    """
    scaled = logits.astype(np.float64) / decision.temperature
    return softmax(scaled) if decision.activation == "softmax" else sigmoid(scaled)


def label_columns(labels: tuple[str, ...], decision: Decision) -> npt.NDArray[np.intp]:
    """The class ids, in order, of what can be found: all but the none label's."""
    return np.array([index for index, label in enumerate(labels) if label != decision.none_label])


def top_class(logits: npt.NDArray[np.floating], labels: tuple[str, ...], decision: Decision) -> npt.NDArray[np.intp]:
    """The class id of the largest logit over all classes but the none label's, of logits [..., labels]."""
    columns = label_columns(labels, decision)
    return np.asarray(columns[logits[..., columns].argmax(axis=-1)])


def reject_scores(
    logits: npt.NDArray[np.floating], labels: tuple[str, ...], decision: Decision, *, score: str
) -> npt.NDArray[np.float64]:
    """How much logits [..., labels] look like one of the labels, float64 [...]; higher is more.

    "max_probability" is the largest calibrated probability, "energy" logsumexp(logits), without a temperature (Liu et
    al., "Energy-based Out-of-distribution Detection", 2020); both over all classes but the none label's.
    """
    columns = label_columns(labels, decision)
    if score == "max_probability":
        return np.asarray(probabilities(logits, decision)[..., columns].max(axis=-1))
    found = logits[..., columns].astype(np.float64)
    top = found.max(axis=-1)
    return np.asarray(top + np.log(np.exp(found - top[..., None]).sum(axis=-1)))


def known(logits: npt.NDArray[np.floating], labels: tuple[str, ...], decision: Decision) -> npt.NDArray[np.bool_]:
    """Whether logits [..., labels] show one of the labels, bool [...].

    The top class is not the none label, and the reject rule, where there is one, accepts.

    >>> import numpy as np
    >>> from dataclasses import replace
    >>> from vidcls.contract import NEUTRAL
    >>> from vidcls.decision import known
    >>> known(np.array([[2.0, 1.0], [1.0, 2.0]]), ("fall", "_none"), replace(NEUTRAL, none_label="_none")).tolist()
    [True, False]
    """
    found = np.ones(logits.shape[:-1], bool)
    if decision.none_label is not None:
        found &= logits.argmax(axis=-1) != labels.index(decision.none_label)
    if decision.reject is not None:
        scores = reject_scores(logits, labels, decision, score=decision.reject.score)
        found &= scores >= decision.reject.threshold
    return found


def thresholds(labels: tuple[str, ...], decision: Decision) -> npt.NDArray[np.float64]:
    """From which probability on each label counts, float64 [labels]: its operating point, else 0.5."""
    points = decision.operating_points or {}
    found = [points.get(label) for label in labels]
    return np.array([EVEN if point is None else point.probability for point in found])
