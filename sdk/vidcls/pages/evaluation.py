"""An evaluation as a page: how good a model's answers to some clips are, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.metrics import Scores, score_answers
from vidcls.pages.document import Section, page, section
from vidcls.pages.failed import failed_section
from vidcls.pages.headline import figure_cards, verdict
from vidcls.pages.markup import Content, tag
from vidcls.pages.mistakes import FramesOf
from vidcls.pages.model import decision_section, model_section
from vidcls.pages.scored import score_sections
from vidcls.pages.tables import pairs, table
from vidcls.pages.wording import between, with_labels
from vidcls.region import region_text

Origin = Literal["train", "val"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """What an evaluation has found.

    Attributes:
        data: the name of the data.
        model: the name of the model's file.
        contract: the model's.
        names, answers, known_from: of the clips that were read, in one order; `known_from` says whether the model was
            trained on a clip or chosen by it, None for one it does not know.
        failed: (video, message) of those that could not be read.
        views, crops, region: as the clips were answered; no region is the whole picture.
        made_with: {what: version or name} of the machine, the packages, the device.
        command: that makes the page again.
    """

    data: str
    model: str
    contract: Contract
    names: Sequence[str]
    answers: Answers
    known_from: Sequence[Origin | None]
    failed: Sequence[tuple[str, str]]
    views: int
    crops: int
    region: tuple[float, float, float, float] | None
    made_with: Mapping[str, str]
    command: str


def evaluation_page(found: Evaluation, *, frames_of: FramesOf) -> str:
    """The page of an evaluation.

    The figures are those of clips that the model does not know, where there are any; those it knows stand apart. At
    least one clip shows a label.

    Args:
        found: the figures.
        frames_of: gives uint8 RGB [T, h, w, 3] of a clip by its number, as the model gets them.
    """
    origins = np.array([origin or "new" for origin in found.known_from], dtype=object)
    is_new = origins == "new"
    any_new = bool(found.answers.targets[is_new].any())
    counted = np.flatnonzero(is_new) if any_new else np.arange(len(is_new))
    answers, names = found.answers[counted], [found.names[number] for number in counted.tolist()]
    scores = score_answers(answers, found.contract.labels, found.contract.decision)
    kind = "clips that the model does not know" if found.contract.source.clips is not None else "clips"
    region = "" if found.region is None else f", of the region {region_text(found.region)} of each picture"
    head = [
        tag("p", f"{len(found.contract.labels)} labels, {found.views} x {found.crops} views{region}", class_="sub"),
        verdict(scores, f"{len(with_labels(answers, found.contract))} {kind}") if any_new else _nothing_new(scores),
        figure_cards(scores, answers, found.contract, failed=len(found.failed)),
    ]
    return page(
        f"Evaluation of {found.model} on {found.data}",
        head,
        [
            _known_section(found, origins, new=scores if any_new else None),
            *score_sections(
                names, answers, scores, found.contract, frames_of=lambda number: frames_of(int(counted[number]))
            ),
            decision_section(found.contract),
            failed_section(found.failed),
            model_section(found.contract),
            section("Made with", pairs([*found.made_with.items(), ("command", tag("code", found.command))])),
        ],
    )


def _nothing_new(scores: Scores) -> Content:
    words = (
        f"Not one of these {scores.videos} clips is new to the model: it was trained on them, or chosen by them. "
        "The figures below say nothing about other clips."
    )
    return tag("p", words, class_="verdict bad")


def _known_section(found: Evaluation, origins: npt.NDArray[np.object_], *, new: Scores | None) -> Section:
    """Clips that the model knows and those it does not, never in one figure."""
    heading = "Clips that the model knows"
    if found.contract.source.clips is None:
        words = "The model's file has no fingerprints: which of these clips it was trained on is not known."
        return section(heading, tag("p", words))
    kinds = {"new": "new to the model", "val": "chosen by (validation)", "train": "trained on"}
    rows = [
        (words, *_row(found, origins == origin, new if origin == "new" else None))
        for origin, words in kinds.items()
        if (origins == origin).any()
    ]
    measure = "top-1" if found.contract.decision.activation == "softmax" else "mean average precision"
    caption = "Recognised by fingerprints of their pictures. Everything else on this page is about the first row."
    return section(heading, table(["clips", "how many", measure, "95 % interval"], rows, caption=caption))


def _row(found: Evaluation, chosen: npt.NDArray[np.bool_], scores: Scores | None) -> tuple[str, str, str]:
    """How many clips, their figure, and its interval, by their scores if they are known already.

    Of clips of none alone there is no figure.
    """
    answers = found.answers[chosen]
    if not answers.targets.any():
        return str(len(answers)), "", ""
    if scores is None:
        scores = score_answers(answers, found.contract.labels, found.contract.decision)
    if scores.average_precision is not None:
        return str(len(answers)), f"{scores.average_precision:.3f}", between(scores.average_precision_interval)
    return str(scores.videos), f"{scores.top1:.3f}", between(scores.top1_interval)
