"""What a finished training says of itself on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vidcls.region import region_text


def print_summary(metrics: dict[str, Any], output: Path) -> None:
    """Print the figures of metrics.json that matter most, and what to do next."""
    for split in ("val", "test", "test_multiview"):
        if metrics[split] is not None:
            _print_split(split.removesuffix("_multiview"), metrics[split])
    baselines = metrics["baselines"]
    if baselines is not None:
        shown = ", ".join(f"{name} {_share(row, 'top1')}" for name, row in baselines.items())
        click.echo(f"test top-1 without looking at pictures: {shown}")
    if metrics.get("teacher") is not None:
        _print_teacher(metrics["teacher"])
    if metrics.get("all_tokens") is not None:
        _print_tokens(metrics["all_tokens"])
    _print_decision(metrics["decision"])
    if metrics["unreadable"]:
        click.echo(f"{len(metrics['unreadable'])} unreadable videos were left out; metrics.json names them")
    if metrics["region"] is not None:
        click.echo(
            f"every clip was cut to the region {region_text(metrics['region'])}, which the model does not remember: "
            "give --region wherever it is used"
        )
    click.echo(f"wrote {output}: export it with 'vidcls-export {output} -o model.onnx'")


def _print_split(name: str, row: dict[str, Any]) -> None:
    click.echo(
        f"{name:4} {_headline(row)} on {row['videos']} videos, {row['views']} x {row['crops']} views x crops, "
        f"calibration error {row['calibration']['error']:.3f} "
        f"(a perfect model's: {row['calibration']['expected_error']:.3f})"
    )
    if "without_copies" in row:
        apart = row["without_copies"]
        value = _share(apart, "map" if row["top1"] is None else "top1")
        click.echo(f"     without clips whose footage was trained on: {value} on {apart['videos']}")


def _print_teacher(fields: dict[str, Any]) -> None:
    """The student beside its teacher, on test or, where there is none, on val."""
    split = "val" if fields["test"] is None else "test"
    row, student, teacher = fields[split], fields["models"]["student"], fields["models"]["teacher"]
    cost = (
        f"{student['megabytes']:.1f} MB and {student['answer_ms']:.0f} ms an answer beside "
        f"{teacher['megabytes']:.1f} MB and {teacher['answer_ms']:.0f} ms"
    )
    if row is None:
        click.echo(f"beside its teacher: {cost}")
        return
    name = "top1" if "top1" in row["student"] else "map"
    called = {"top1": "top-1", "map": "mean average precision"}[name]
    both = ((row[who][name], row[who]["interval"]) for who in ("teacher", "student"))
    teachers, students = (_figure(value, interval) for value, interval in both)
    click.echo(
        f"teacher on {split}: {called} {teachers}, the student's {students}; they agree on {row['agreement']:.2f}; "
        f"{cost}"
    )


def _print_tokens(compared: dict[str, Any]) -> None:
    """What the model answers where it is shown all tokens, by whoever knows nothing of those that it sees."""
    name = compared["shown_by"]
    who = "transformers' own pipeline" if name == "pipeline" else f"{name}, called by itself,"
    click.echo(
        f"the encoder sees {compared['share']:g} of the tokens; {who} shows it all of them, and answers otherwise: "
        f"the same label on {compared['top1_agreement']:.2f} of {compared['videos']} val videos, logits "
        f"off by {compared['mean_abs_logit_diff']:.3f} in the mean"
    )


def _headline(row: dict[str, Any]) -> str:
    """Top-1 and top-5 accuracy, or the mean average precision of labels that may hold together."""
    if row["top1"] is None:
        return f"mean average precision {_share(row, 'map')}"
    return f"top-1 {_share(row, 'top1')}, top-5 {_share(row, 'top5')}"


def _share(row: dict[str, Any], name: str) -> str:
    return _figure(row[name], row[f"{name}_interval"])


def _figure(value: float, interval: Sequence[float] | None) -> str:
    """With its interval, where that is known."""
    from vidcls.evaluation.intervals import figure_text

    return figure_text(value, interval, digits=4)


def _print_decision(fields: dict[str, Any]) -> None:
    decision, (low, high) = fields["decision"], fields["temperature_interval"]
    parts = [f"temperature {decision['temperature']:.2f} ({low:.2f} to {high:.2f})"]
    reject = decision["reject"]
    if reject is not None:
        parts.append(f"known from {reject['score'].replace('_', ' ')} {reject['threshold']:.4g}")
    points = decision["operating_points"]
    if points is not None:
        chosen = [point for point in points.values() if point is not None]
        precision = min(point["precision"] for point in chosen)
        recall = sum(point["recall"] for point in chosen) / len(chosen)
        parts.append(
            f"operating points for {len(chosen)} of {len(points)} labels, which on val find {recall:.2f} of their "
            f"clips at a precision of {precision:.2f} or more"
        )
    click.echo(f"decision, fitted on val: {', '.join(parts)}")
    negatives = fields["negatives"]
    if negatives is not None:
        low, high = negatives["falsely_accepted_interval"]
        click.echo(
            f"of {negatives['videos']} negatives {negatives['falsely_accepted']:.2f} ({low:.2f} to {high:.2f}) are "
            "taken for one of the labels"
        )
        if negatives["unreadable"]:
            click.echo(f"{len(negatives['unreadable'])} negatives cannot be read; metrics.json names them")
