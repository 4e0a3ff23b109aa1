"""The sections about some clips' answers that a training's page and an evaluation's share."""

from __future__ import annotations

from collections.abc import Sequence

from vidcls.contract import Contract
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.metrics import Scores
from vidcls.evaluation.report import CONFUSION_FILE, MOST_DRAWN
from vidcls.pages.document import Section, section
from vidcls.pages.markup import tag
from vidcls.pages.mistakes import FramesOf, mistake_section
from vidcls.pages.operating import operating_section
from vidcls.pages.per_label import curve_section, label_section
from vidcls.pages.probabilities import probability_section
from vidcls.pages.rejection import rejection_section
from vidcls.pages.tables import confusion_table


def score_sections(
    names: Sequence[str], answers: Answers, scores: Scores, contract: Contract, *, frames_of: FramesOf
) -> list[Section]:
    """Labels, confusions, what went wrong, probabilities, rejection, operating points, curves.

    Args:
        names, answers: of the same clips, in the same order.
        scores: of these answers.
        contract: the model's.
        frames_of: gives uint8 RGB [T, h, w, 3] of a clip by its number, as the model gets them.
    """
    is_single = contract.decision.activation == "softmax"
    confusion = confusion_table(scores.confusion, contract.labels) if is_single else None
    undrawn = is_single and len(contract.labels) > MOST_DRAWN
    note = tag("p", f"{CONFUSION_FILE} is left out: it is drawn of at most {MOST_DRAWN} labels.", class_="note")
    return [
        label_section(answers, scores, contract),
        section("What is taken for what", confusion, note if undrawn else None),
        mistake_section(names, answers, contract, frames_of=frames_of),
        probability_section(answers, scores, contract),
        rejection_section(answers, contract),
        operating_section(answers, contract),
        curve_section(answers, contract),
    ]
