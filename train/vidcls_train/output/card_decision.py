"""The part of a model card that says what follows from the model's logits, and how far that can be trusted."""

from __future__ import annotations

from typing import Any

from vidcls.contract import Contract, Decision
from vidcls.evaluation.intervals import change_text
from vidcls.printable import markdown


def decision_section(contract: Contract, metrics: dict[str, Any]) -> list[str]:
    """Lines of Markdown below a heading of their own.

    Args:
        contract: with its decision.
        metrics: what metrics.json holds.
    """
    decision, fields = contract.decision, metrics["decision"]
    return [
        "## Decision",
        "",
        *_calibration(decision, fields),
        *_none_of_these(decision, fields),
        *_operating_points(decision),
        *_events(decision),
        *_notes(fields),
    ]


def _calibration(decision: Decision, fields: dict[str, Any]) -> list[str]:
    low, high = fields["temperature_interval"]
    activation = "softmax" if decision.activation == "softmax" else "sigmoid, since labels may hold together,"
    fitted_on = decision.fitted_on
    clips = "" if fitted_on is None else f" of {fitted_on.videos} clips"
    lines = [
        f"Probabilities are the {activation} of logits / {decision.temperature:.3f} (temperature; 95 % interval "
        f"{low:.2f} to {high:.2f}). It was fitted on the validation split{clips}, on which the epoch was chosen too, "
        "so that validation figures are a little too good; the test clips chose nothing.",
        "",
        "| | clips | temperature | log loss | Brier score | calibration error | of a perfect model |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for split, rows in fields["calibration"].items():
        for when, temperature in (("before", 1.0), ("after", decision.temperature)):
            if rows is not None:
                row = rows[when]
                lines.append(
                    f"| {split} | {rows['videos']} | {temperature:.3f} | {row['log_loss']:.3f} | {row['brier']:.3f} | "
                    f"{row['error']:.3f} | {row['expected_error']:.3f} |"
                )
    return [
        *lines,
        "",
        "The last column is the calibration error that a model with these very probabilities, all of them right, would "
        "show on as many clips: what is no larger is noise.",
        *_change(fields["calibration"]),
        "",
    ]


def _change(calibration: dict[str, Any]) -> list[str]:
    """What the temperature does to the clips that it was not fitted on."""
    if calibration["test"] is None:
        return []
    return [f"On test the temperature changes the log loss by {change_text(calibration['test']['log_loss_change'])}."]


def _none_of_these(decision: Decision, fields: dict[str, Any]) -> list[str]:
    reject, none = decision.reject, decision.none_label
    lines = []
    if none is not None:
        lines.append(
            f"`{markdown(none)}` is the class of training clips that show none of the labels: an answer whose top "
            "class it is counts as none of these (`known` is false). It is not one of the labels."
        )
    if reject is not None:
        score = "the highest probability" if reject.score == "max_probability" else "logsumexp of the logits (energy)"
        lines.append(
            f"An answer counts as one of the labels (`known`) where {score} is at least {reject.threshold:.4g}: of the "
            f"right answers on validation {reject.accepted:.0%} are."
        )
    if none is None and reject is None:
        lines.append("There is no rule by which an answer counts as none of the labels: every answer is one of them.")
    negatives = fields["negatives"]
    if negatives is not None:
        low, high = negatives["falsely_accepted_interval"]
        lines.append(
            f"Of {negatives['videos']} videos that show none of the labels, {negatives['falsely_accepted']:.0%} "
            f"({low:.0%} to {high:.0%}) were taken for one of them."
        )
    elif reject is not None or none is not None:
        lines.append("How many videos of something else are taken for one of the labels was not measured.")
    return [" ".join(lines), ""]


def _operating_points(decision: Decision) -> list[str]:
    if decision.operating_points is None:
        return ["No label has an operating point.", ""]
    lines = ["| label | counts from probability | precision | recall |", "|---|---:|---:|---:|"]
    for label, point in decision.operating_points.items():
        if point is None:
            lines.append(f"| {markdown(label)} | none chosen | | |")
        else:
            lines.append(
                f"| {markdown(label)} | {point.probability:.3f} | {point.precision:.3f} | {point.recall:.3f} |"
            )
    return [*lines, "", "Precision and recall are those on validation, where these points were chosen.", ""]


def _events(decision: Decision) -> list[str]:
    rule = decision.events
    if rule is None:
        return []
    alarms = "" if rule.false_alarms_per_hour is None else f" ({rule.false_alarms_per_hour:.2f} false alarms an hour)"
    return [
        f"In long videos an event begins at a probability of {rule.on:.2f}, ends below {rule.off:.2f} and lasts at "
        f"least {rule.min_seconds:g} s{alarms}; a timeline takes a change of label where it makes all answers together "
        f"{rule.change_cost:g} times as probable.",
        "",
    ]


def _notes(fields: dict[str, Any]) -> list[str]:
    if not fields["notes"]:
        return []
    return ["Notes of the fit:", "", *(f"- {markdown(note)}" for note in fields["notes"]), ""]
