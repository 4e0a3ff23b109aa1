"""The decision of a trained model, fitted on its validation clips in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from vidcls.contract import NEUTRAL, Decision, EventRule, FittedOn
from vidcls.errors import ArgumentError
from vidcls.evaluation.answers import Answers
from vidcls.fitting.events import LEAST_CLIPS, LEAST_NEGATIVES, fit_events
from vidcls.fitting.operating_points import fit_operating_points
from vidcls.fitting.reject import fit_reject
from vidcls.fitting.temperature import fit_temperature


@dataclass(frozen=True, kw_only=True)
class FittedDecision:
    """A decision, and how well it is known.

    temperature_interval: the 95 % interval of its temperature. notes: sentences on what was not fitted and why.
    """

    decision: Decision
    temperature_interval: tuple[float, float]
    notes: tuple[str, ...]


def fit_decision(
    validation: Answers,
    labels: Sequence[str],
    *,
    activation: Literal["softmax", "sigmoid"],
    none_label: str | None,
    negatives: npt.NDArray[np.floating] | None,
    target_precision: float,
    false_alarm_rate: float | None = None,
    split: str,
    views: int,
    crops: Literal[1, 3],
    clip_seconds: float,
) -> FittedDecision:
    """Fit temperature, reject rule, operating points and events on the clips that chose the model, or on others.

    Never on clips that were trained on: their probabilities say how well they are remembered.

    Args:
        validation: answers of at least one clip. labels: in class-id order; none_label: one of them, or None.
        negatives: logits [clips, labels] of clips that show none of the labels, which choose the reject rule's score
            and measure it, and nothing else; None where there are none.
        target_precision: of the operating points, 0 to 1. false_alarm_rate: theirs, which then decides instead.
        split, views, crops, clip_seconds: where the clips are from, and what one answer is of.

    Raises:
        ArgumentError: there are no clips, or the logits are not one for each label.
    """
    if not len(validation) or validation.logits.shape[1] != len(labels):
        raise ArgumentError(
            f"logits have the shape {validation.logits.shape}, expected at least one clip of {len(labels)} labels"
        )
    temperature = fit_temperature(validation, activation=activation)
    fitted_on = FittedOn(split=split, videos=len(validation), views=views, crops=crops, precision="fp32")
    bare = replace(NEUTRAL, activation=activation, none_label=none_label, fitted_on=fitted_on)
    decision = replace(bare, temperature=temperature.temperature)
    reject, reject_notes = fit_reject(validation, labels, decision, negatives)
    points, point_notes = fit_operating_points(
        validation, labels, decision, target_precision=target_precision, false_alarm_rate=false_alarm_rate
    )
    decision = replace(decision, reject=reject, operating_points=points)
    events = fit_events(validation, labels, decision, clip_seconds=clip_seconds, negatives=negatives)
    return FittedDecision(
        decision=replace(decision, events=events),
        temperature_interval=temperature.interval,
        notes=(*reject_notes, *point_notes, *_about_events(events)),
    )


def _about_events(events: EventRule | None) -> tuple[str, ...]:
    if events is None:
        return (
            f"no rule for events: that takes at least {LEAST_CLIPS} validation clips of labels, and more than one kind "
            "of them; timelines and events go by the usual one",
        )
    if events.false_alarms_per_hour is None:
        return (
            f"nothing is known of false alarms: that takes at least {LEAST_NEGATIVES} clips that show none of the "
            "labels",
        )
    return ()
