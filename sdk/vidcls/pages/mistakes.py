"""What went wrong: the clips that were answered wrongly with the highest probability, to be played."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.decision import known, probabilities, thresholds, top_class
from vidcls.evaluation.answers import Answers
from vidcls.pages.document import Section, section
from vidcls.pages.markup import Content, name, tag
from vidcls.pages.players import Shown, clip_list

# uint8 RGB [T, h, w, 3] of a clip by its number, as the model gets them.
FramesOf = Callable[[int], npt.NDArray[np.uint8]]

_LABEL_CHARACTERS = 80


def mistake_section(names: Sequence[str], answers: Answers, contract: Contract, *, frames_of: FramesOf) -> Section:
    """Players of the wrong answers, the most probable first, with the model's own frames.

    Args:
        names, answers: of the same clips, in the same order.
        contract: the model's.
        frames_of: gives uint8 RGB [T, h, w, 3] of a clip by its number, as the model gets them.
    """
    find = _wrong_answers if contract.decision.activation == "softmax" else _wrong_sets
    wrong = [
        Shown(number=number, facts=(*facts, ("file", name(names[number], limit=_LABEL_CHARACTERS))), alt=alt)
        for number, facts, alt in find(answers, contract)
    ]
    if not wrong:
        return section("What went wrong", tag("p", f"Nothing: all {len(answers)} clips are answered rightly."))
    players = clip_list(wrong, frames_of, seconds=contract.sampling.clip_seconds)
    text = (
        f"{len(wrong)} of {len(answers)} clips, those first whose wrong answer has the highest probability. "
        "The figures are probabilities, the frames the model's own."
    )
    return section("What went wrong", tag("p", text, class_="note"), players)


Wrong = tuple[int, tuple[tuple[str, Content], ...], str]


def _wrong_answers(answers: Answers, contract: Contract) -> list[Wrong]:
    """Clips with another label than the answer, and clips of none that were taken for known.

    Of a model with a none label, that is the answer wherever a clip is not known, as accuracy has it: a clip of a label
    that is taken for none is wrong, too.
    """
    shares = probabilities(answers.logits, contract.decision)
    given = top_class(answers.logits, contract.labels, contract.decision)
    accepted = known(answers.logits, contract.labels, contract.decision)
    none_label = contract.decision.none_label
    if none_label is not None:
        given = np.where(accepted, given, contract.labels.index(none_label))
    score = shares[np.arange(len(given)), given]
    found: list[Wrong] = []
    for number in np.argsort(-score, kind="stable"):
        shown = np.flatnonzero(answers.targets[number])
        none = not len(shown) or contract.labels[shown[0]] == none_label
        if accepted[number] if none else shown[0] != given[number]:
            answer = f"{_label(contract, given[number])} {score[number]:.2f}"
            label = "none" if none else f"{_label(contract, shown[0])} {shares[number, shown[0]]:.2f}"
            is_said = none_label is not None or bool(accepted[number])
            facts = (("label", label), ("answer", tag("b", answer) if is_said else f"{answer}, not taken for known"))
            found.append((int(number), facts, f"{label}, answered {answer}"))
    return found


def _wrong_sets(answers: Answers, contract: Contract) -> list[Wrong]:
    """Clips on which a label is found that is not there, or not found that is."""
    shares = probabilities(answers.logits, contract.decision)
    present = shares >= thresholds(contract.labels, contract.decision)
    differs = present != answers.targets
    surprise = np.where(differs, np.where(answers.targets, 1 - shares, shares), 0).max(axis=1, initial=0)
    found: list[Wrong] = []
    for number in np.argsort(-surprise, kind="stable"):
        if differs[number].any():
            label = _labels(contract, answers.targets[number], shares[number])
            answer = _labels(contract, present[number], shares[number])
            found.append((int(number), (("labels", label), ("answer", answer)), f"{label}, answered {answer}"))
    return found


def _labels(contract: Contract, chosen: npt.NDArray[np.bool_], shares: npt.NDArray[np.float64]) -> str:
    found = [f"{_label(contract, column)} {shares[column]:.2f}" for column in np.flatnonzero(chosen)]
    return ", ".join(found[:12]) + (f" and {len(found) - 12} more" if len(found) > 12 else "") if found else "none"


def _label(contract: Contract, column: int | np.integer[Any]) -> str:
    return name(contract.labels[column], limit=_LABEL_CHARACTERS)
