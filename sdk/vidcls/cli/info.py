"""`vidcls info`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidcls.cli import options, terminal
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls import ModelContract
    from vidcls.contract import FittedOn, OperatingPoint

MAX_LINE = 20_000  # characters: the labels of any published data set


@click.command(epilog=options.examples("vidcls info model.onnx"))
@options.model
@options.as_json
def info(model: Path, as_json: bool) -> None:
    """Say what MODEL is: labels, sampling, pixels, precision, origin, accuracy and parity.

    Checks the file's bytes, and runs nothing of it.
    """
    with terminal.exit_codes():
        from vidcls.contract import tokens_fields
        from vidcls.runtime.model import read_contract

        contract = read_contract(model)
        image, sampling = contract.image, contract.sampling
        shape: list[int | str] = ["batch", sampling.frames, 3, image.crop_size, image.crop_size]
        if contract.model.input.layout == "BTHWC":
            shape = ["batch", sampling.frames, image.crop_size, image.crop_size, 3]
        file_mb = round(model.stat().st_size / 1e6, 3)
        fields = {
            "labels": contract.labels,
            "frames": sampling.frames,
            "clip_seconds": sampling.clip_seconds,
            "image": dataclasses.asdict(image),
            "precision": contract.model.precision,
            "input": {"name": contract.model.input.name, "shape": shape, "dtype": contract.model.input.dtype},
            "source": dataclasses.asdict(contract.source),
            "decision": dataclasses.asdict(contract.decision),
            "tokens": tokens_fields(contract.tokens),
            "file_mb": file_mb,
        }
    if as_json:
        terminal.print_json(fields)
        return
    for line in _lines(model, contract, file_mb=file_mb):
        click.echo(printable(line, limit=MAX_LINE))


def _lines(model: Path, contract: ModelContract, *, file_mb: float) -> Iterator[str]:
    from vidcls.contract import tokens_words
    from vidcls.evaluation.intervals import share_text

    image, sampling = contract.image, contract.sampling
    source, accuracy, parity = contract.source, contract.accuracy, contract.parity
    licence = (source.base_license or "unknown") if source.base else "no base weights"
    yield f"{model}: {file_mb} MB, {contract.model.precision}, graph for {contract.model.graph}"
    yield f"  labels     {len(contract.labels)}: {', '.join(contract.labels)}"
    yield f"  sampling   {sampling.frames} frames over {sampling.clip_seconds:.3f} s"
    yield f"  image      {image.resize} {image.resize_size}, crop {image.crop_size}, mean {image.mean}, std {image.std}"
    yield f"  tokens     {tokens_words(contract.tokens)}"
    yield f"  source     {source.architecture}, base {source.base or 'none (from scratch)'}, {source.created}"
    yield f"  licence    of the base weights: {licence}"
    if accuracy:
        top1, top5 = (share_text(share, accuracy.videos) for share in (accuracy.top1, accuracy.top5))
        yield (
            f"  accuracy   top-1 {top1}, top-5 {top5} on {accuracy.videos} videos "
            f"({accuracy.split}, {accuracy.views} x {accuracy.crops} views x crops)"
        )
    else:
        yield "  accuracy   not measured"
    yield from _decision_lines(contract)
    yield f"  clips      {_known_clips(contract)}"
    if parity:
        yield (
            f"  parity     top-1 agreement {share_text(parity.top1_agreement, parity.videos, digits=4)}, largest logit "
            "difference "
            f"{parity.max_abs_logit_diff:.2g}, on {parity.videos} videos"
        )
    else:
        yield "  parity     unproven: exported without --check"


def _decision_lines(contract: ModelContract) -> Iterator[str]:
    """What follows from logits, and how good that was where it was fitted."""
    decision = contract.decision
    fitted = "not fitted" if decision.fitted_on is None else _fitted(decision.fitted_on)
    together = ", labels may hold together" if decision.activation == "sigmoid" else ""
    yield f"  decision   {decision.activation}{together}, temperature {decision.temperature:.3f}, {fitted}"
    if decision.none_label is not None:
        yield f"  none       the class '{decision.none_label}' means that a video shows none of the labels"
    reject = decision.reject
    if reject is not None:
        accepted = "not measured" if reject.false_accepted is None else f"{reject.false_accepted:.3f}"
        yield (
            f"  reject     {reject.score.replace('_', ' ')} below {reject.threshold:.4g} is none of the labels; keeps "
            f"{reject.accepted:.3f} of right answers; share of videos without a label that pass as one: {accepted}"
        )
    elif decision.activation == "sigmoid":
        yield (
            "  reject     none needed: a video of which no label reaches its threshold, else 0.5, shows none of the "
            "labels"
        )
    elif decision.none_label is None:
        yield "  reject     no rule: every answer counts, also for videos that show none of the labels"
    for label, point in (decision.operating_points or {}).items():
        yield f"  threshold  {label}: {_point(point)}"
    events = decision.events
    if events is not None:
        alarms = "not measured" if events.false_alarms_per_hour is None else f"{events.false_alarms_per_hour:g} an hour"
        yield (
            f"  events     begin at {events.on:.3f}, end below {events.off:.3f}, last at least {events.min_seconds:g} "
            f"s, a change costs {events.change_cost:g}; false alarms: {alarms}"
        )


def _fitted(on: FittedOn) -> str:
    return f"fitted on {on.videos} videos ({on.split}, {on.views} x {on.crops} views x crops, {on.precision})"


def _point(point: OperatingPoint | None) -> str:
    if point is None:
        return "none: too few videos to choose one, or none that was good enough"
    return f"from {point.probability:.3f} on, precision {point.precision:.3f}, recall {point.recall:.3f}"


def _known_clips(contract: ModelContract) -> str:
    clips = contract.source.clips
    if clips is None:
        return "no fingerprints: which videos it was trained on is not known"
    from vidcls.fingerprint import decode

    train, val = len(decode(clips.train)), len(decode(clips.val))
    return f"recognises the {train} it was trained on and the {val} it was chosen by"
