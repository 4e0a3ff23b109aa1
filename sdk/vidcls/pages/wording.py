"""Figures in words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.intervals import wilson_interval


def share_of(accepted: npt.NDArray[np.bool_], what: str) -> str:
    """`12 of 20 <what>: 0.60 (95 % interval 0.39 to 0.78)`; empty without any.

    >>> import numpy as np
    >>> from vidcls.pages.wording import share_of
    >>> share_of(np.array([True] * 36 + [False] * 26), "clips are right")
    '36 of 62 clips are right: 0.58 (95 % interval 0.46 to 0.70)'
    """
    if not len(accepted):
        return ""
    hits, count = int(accepted.sum()), len(accepted)
    return f"{hits} of {count} {what}: {hits / count:.2f}{in_brackets(wilson_interval(hits, count))}"


def between(interval: tuple[float, float] | None) -> str:
    """The ends of an interval of shares; nothing where it is not known."""
    return "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"


def in_brackets(interval: tuple[float, float] | None) -> str:
    """What follows a figure in a sentence; nothing where its interval is not known."""
    return "" if interval is None else f" (95 % interval {between(interval)})"


def has_rule(contract: Contract) -> bool:
    """Whether a model can say that a clip shows none of its labels."""
    return contract.decision.reject is not None or contract.decision.none_label is not None


def with_labels(answers: Answers, contract: Contract) -> Answers:
    """Those that accuracy is about: a softmax model has no answer for clips of none, unless it has a class for them."""
    if contract.decision.activation == "sigmoid":
        return answers
    return answers[np.flatnonzero(answers.targets.any(axis=1))]
