"""The section of a contract that says what follows from logits; `vidcls.decision` computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from vidcls.contract.sections import LABEL, Count, Name, Share
from vidcls.schema.bounds import Entries, Range

Label = Annotated[str, LABEL]


@dataclass(frozen=True, kw_only=True)
class Reject:
    """Which answers count as "none of the labels", by a score of the logits, over all classes but `none_label`.

    score: "max_probability", the largest calibrated probability, or "energy", logsumexp(logits).
    threshold: answers below it are not known. accepted: share of right answers that it kept where it was fitted.
    false_accepted: share of clips with none of the labels that it took for known ones; null where it was not measured.
    """

    score: Literal["max_probability", "energy"]
    threshold: Annotated[float, Range(-1e9, 1e9)]
    accepted: Share
    false_accepted: Share | None


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """From which calibrated probability on a label counts, and its precision and recall where that was chosen."""

    probability: Share
    precision: Share
    recall: Share


@dataclass(frozen=True, kw_only=True)
class EventRule:
    """When an event of a label begins and ends.

    on, off: the smoothed probability at which it begins, and the one below which it ends; where a label has an
    operating point, `on` is that one's, and `off` is lowered or raised in proportion.
    min_seconds: what is shorter is no event. change_cost: how many times more probable a change of label has to make
    all answers together before a timeline takes it. false_alarms_per_hour: where these were chosen; null where that
    was not measured.
    """

    on: Share
    off: Share
    min_seconds: Annotated[float, Range(0, 3600)]
    change_cost: Annotated[float, Range(1, 1e9)]
    false_alarms_per_hour: Annotated[float, Range(0, 1e6)] | None


@dataclass(frozen=True, kw_only=True)
class FittedOn:
    """The clips and the answers that a decision was fitted on."""

    split: Name
    videos: Count
    views: Annotated[int, Range(1, 10_000)]
    crops: Literal[1, 3]
    precision: Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What follows from logits.

    activation: "softmax", or "sigmoid" where several labels may hold together. temperature: probabilities are
    activation(logits / temperature). none_label: the class of clips that show none of the labels.
    operating_points: by label; null for a label with too few clips to choose one.
    """

    activation: Literal["softmax", "sigmoid"]
    temperature: Annotated[float, Range(0.05, 20)]
    none_label: Label | None
    reject: Reject | None
    operating_points: Annotated[dict[Label, OperatingPoint | None], Entries(1, 10_000)] | None
    events: EventRule | None
    fitted_on: FittedOn | None


# What contracts of format 1 meant: nothing was fitted, and every answer counts.
NEUTRAL = Decision(
    activation="softmax",
    temperature=1.0,
    none_label=None,
    reject=None,
    operating_points=None,
    events=None,
    fitted_on=None,
)
