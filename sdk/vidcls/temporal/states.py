"""Logits of a window -> how probable each state is that a timeline can be in: a label, or nothing that is known.

Where a model has no rule for what is known, the states of a softmax model are its labels, and their probabilities the
calibrated ones. Where it has one, there is one state more, None, and its odds against the best label are those by which
the rule decides:

- a none label: its calibrated probability against the best label's, so the state has just that probability;
- a threshold of the maximum probability s: (threshold / (1 - threshold)) / (s / (1 - s));
- a threshold of the energy: exp(threshold - energy), an energy being a log-odds already (up to a constant).

Of several rules the strictest one counts. A window right at a threshold is so even between its best label and None,
below it None is the more probable, and the farther away the surer. All states together are scaled to 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vidcls.contract import Decision
from vidcls.decision import label_columns, probabilities, reject_scores, sigmoid, thresholds

# Where a probability or a threshold is 0 or 1, its odds are those of a value so far from there.
LEAST_ODDS = 1e-9

# No rule makes it surer than that: e^30 to one.
_SUREST = 30.0


def has_none_state(decision: Decision) -> bool:
    """Whether the model can say that nothing known happens."""
    return decision.none_label is not None or decision.reject is not None


def states(labels: tuple[str, ...], decision: Decision) -> tuple[str | None, ...]:
    """What a window may show, by the columns of `state_probabilities`: labels, and last None where there is a rule."""
    found = tuple(labels[column] for column in label_columns(labels, decision))
    return (*found, None) if has_none_state(decision) else found


def state_probabilities(
    logits: npt.NDArray[np.floating], labels: tuple[str, ...], decision: Decision
) -> npt.NDArray[np.float64]:
    """How probable each of `states` is, float64 [..., states], of a softmax model's logits [..., labels].

    >>> import numpy as np
    >>> from dataclasses import replace
    >>> from vidcls.contract import NEUTRAL, Reject
    >>> from vidcls.temporal.states import state_probabilities
    >>> rule = Reject(score="max_probability", threshold=0.75, accepted=0.95, false_accepted=None)
    >>> logits = np.log([[0.75, 0.25], [0.5, 0.5]])
    >>> state_probabilities(logits, ("fall", "walk"), replace(NEUTRAL, reject=rule)).round(3).tolist()
    [[0.429, 0.143, 0.429], [0.2, 0.2, 0.6]]
    """
    found = probabilities(logits, decision)
    if not has_none_state(decision):
        return found
    found = found[..., label_columns(labels, decision)]
    # No label's probability is 0, which the class for none leaves them where it is surer than a float can say.
    found = np.maximum(found, np.finfo(np.float64).tiny)
    none = found.max(axis=-1) * np.exp(-known_log_odds(logits, labels, decision))
    together = np.concatenate([found, none[..., None]], axis=-1)
    return np.asarray(together / together.sum(axis=-1, keepdims=True))


def present_probabilities(
    logits: npt.NDArray[np.floating], labels: tuple[str, ...], decision: Decision
) -> npt.NDArray[np.float64]:
    """How probable it is that each label is there, float64 [..., labels], of a sigmoid model's logits [..., labels].

    Even where the label's calibrated probability is its operating point, or 0.5 without one, and no more than even
    where the answer is not known.
    """
    log_odds = logits.astype(np.float64) / decision.temperature - _log_odds(thresholds(labels, decision))
    if has_none_state(decision):
        log_odds = np.minimum(log_odds, known_log_odds(logits, labels, decision)[..., None])
    return sigmoid(log_odds)


def known_log_odds(
    logits: npt.NDArray[np.floating], labels: tuple[str, ...], decision: Decision
) -> npt.NDArray[np.float64]:
    """The log-odds of the best label against None by the model's rules, float64 [...]; negative where it is not known.

    Without a rule as large as they get.
    """
    found = np.full(logits.shape[:-1], _SUREST)
    if decision.none_label is not None:
        none = logits[..., labels.index(decision.none_label)].astype(np.float64)
        best = logits[..., label_columns(labels, decision)].max(axis=-1)
        found = np.minimum(found, (best - none) / decision.temperature)
    if decision.reject is not None:
        scores, threshold = reject_scores(logits, labels, decision, score=decision.reject.score), decision.reject
        if decision.reject.score == "max_probability":
            margin = _log_odds(scores) - _log_odds(np.asarray(threshold.threshold))
        else:
            margin = scores - threshold.threshold
        found = np.minimum(found, margin)
    return np.asarray(np.maximum(found, -_SUREST))


def _log_odds(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    inside = np.clip(probability, LEAST_ODDS, 1 - LEAST_ODDS)
    return np.asarray(np.log(inside) - np.log1p(-inside))
