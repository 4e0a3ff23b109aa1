"""The kept model's answers to the validation clips -> what follows from its logits.

Everything is fitted on validation alone. The test clips measure what it is worth, and choose nothing.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

from vidcls.contract import Contract, Decision
from vidcls.evaluation.calibration import log_losses
from vidcls.evaluation.intervals import paired_bootstrap, wilson_interval
from vidcls.evaluation.metrics import accepted, score_answers
from vidcls.fitting.decision import FittedDecision, fit_decision
from vidcls_train.data.clip_list import Footage
from vidcls_train.output.negatives import Negatives
from vidcls_train.output.scored import Scored

_LOG = logging.getLogger("vidcls.train")


def fit(
    val: Scored,
    contract: Contract,
    *,
    copies: Sequence[Footage],
    negatives: Negatives | None,
    target_precision: float,
    false_alarm_rate: float | None = None,
) -> FittedDecision:
    """Fit a decision on the validation clips.

    Args:
        val: scored with one view and crop.
        contract: whose activation and none label are kept.
        copies: validation clips whose footage is in train as well, or that the base or the teacher knows. The model
            answers them as it answers clips that it was trained on, so that they are left out, unless there are no
            others.
        negatives: answers to videos that show none of the labels.
        target_precision, false_alarm_rate: of the operating points; where there is the latter, it decides.

    Returns:
        it, its notes completed; they are logged too.
    """
    apart = val.without(set(copies))
    used = val if apart is None else apart
    fitted = fit_decision(
        used.answers(contract.labels),
        contract.labels,
        activation=contract.decision.activation,
        none_label=contract.decision.none_label,
        negatives=None if negatives is None else negatives.logits,
        target_precision=target_precision,
        false_alarm_rate=false_alarm_rate,
        clip_seconds=contract.sampling.clip_seconds,
        split="val",
        views=val.views,
        crops=val.crops,
    )
    notes = [*_about_copies(val, used, copies), *fitted.notes]
    for note in notes:
        _LOG.info(note)
    return dataclasses.replace(fitted, notes=tuple(notes))


def decision_fields(
    fitted: FittedDecision, contract: Contract, *, val: Scored, test: Scored | None, negatives: Negatives | None
) -> dict[str, Any]:
    """What metrics.json holds of a decision, beside the contract's section "decision" itself.

    "temperature_interval", "notes"; "negatives", see `_negatives_fields`; "calibration": for "val" and "test"
    {"videos", "before" and "after" the temperature, "log_loss_change": its mean and the ends of its 95 % interval, of
    footage drawn again}.
    """
    calibration = {
        split: _before_and_after(scored, contract.labels, fitted.decision)
        for split, scored in (("val", val), ("test", test))
    }
    return {
        "decision": dataclasses.asdict(fitted.decision),
        "temperature_interval": list(fitted.temperature_interval),
        "notes": list(fitted.notes),
        "calibration": calibration,
        "negatives": None if negatives is None else _negatives_fields(negatives, contract.labels, fitted.decision),
    }


def _about_copies(val: Scored, used: Scored, copies: Sequence[Footage]) -> list[str]:
    left_out = len(val.clips) - len(used.clips)
    if left_out:
        return [
            f"the decision is fitted without {left_out} of {len(val.clips)} validation clips, whose footage was "
            "trained on"
        ]
    if copies:
        return [
            "the footage of every validation clip was trained on: what is fitted on them is too sure of itself "
            "elsewhere"
        ]
    return []


def _before_and_after(scored: Scored | None, labels: tuple[str, ...], decision: Decision) -> dict[str, Any] | None:
    if scored is None or not scored.shows_any(labels):
        return None
    answers = scored.answers(labels)
    uncalibrated = dataclasses.replace(decision, temperature=1.0, reject=None, operating_points=None)
    change = paired_bootstrap(
        log_losses(answers, decision),
        log_losses(answers, uncalibrated),
        groups=[clip.group for clip in scored.clips],
    )
    return {
        "videos": len(scored.clips),
        "before": score_answers(answers, labels, uncalibrated).calibration,
        "after": score_answers(answers, labels, decision).calibration,
        "log_loss_change": list(change),
    }


def _negatives_fields(negatives: Negatives, labels: tuple[str, ...], decision: Decision) -> dict[str, Any]:
    """{"videos", "known", "unreadable", "falsely_accepted": share taken for a label, "falsely_accepted_interval"}."""
    found = accepted(negatives.logits, labels, decision)
    return {
        "videos": len(negatives.videos),
        "known": negatives.known,
        "unreadable": negatives.unreadable,
        "falsely_accepted": float(found.mean()),
        "falsely_accepted_interval": list(wilson_interval(int(found.sum()), len(found))),
    }
