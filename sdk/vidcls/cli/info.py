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

MAX_LINE = 20_000  # characters: the labels of any published data set


@click.command()
@options.model
@options.as_json
def info(model: Path, as_json: bool) -> None:
    """Say what MODEL is: labels, sampling, pixels, precision, origin, accuracy and parity.

    Checks the file's bytes, and runs nothing of it.
    """
    with terminal.exit_codes():
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
            "tokens": dataclasses.asdict(contract.tokens),
            "file_mb": file_mb,
        }
    if as_json:
        terminal.print_json(fields)
        return
    for line in _lines(model, contract, file_mb=file_mb):
        click.echo(printable(line, limit=MAX_LINE))


def _lines(model: Path, contract: ModelContract, *, file_mb: float) -> Iterator[str]:
    image, sampling = contract.image, contract.sampling
    source, accuracy, parity = contract.source, contract.accuracy, contract.parity
    licence = (source.base_license or "unknown") if source.base else "no base weights"
    yield f"{model}: {file_mb} MB, {contract.model.precision}, graph for {contract.model.graph}"
    yield f"  labels     {len(contract.labels)}: {', '.join(contract.labels)}"
    yield f"  sampling   {sampling.frames} frames over {sampling.clip_seconds:.3f} s"
    yield f"  image      {image.resize} {image.resize_size}, crop {image.crop_size}, mean {image.mean}, std {image.std}"
    yield f"  source     {source.architecture}, base {source.base or 'none (from scratch)'}, {source.created}"
    yield f"  licence    of the base weights: {licence}"
    if accuracy:
        yield (
            f"  accuracy   top-1 {accuracy.top1:.3f}, top-5 {accuracy.top5:.3f} on {accuracy.videos} videos "
            f"({accuracy.split}, {accuracy.views} x {accuracy.crops} views x crops)"
        )
    else:
        yield "  accuracy   not measured"
    if parity:
        yield (
            f"  parity     top-1 agreement {parity.top1_agreement:.4f}, largest logit difference "
            f"{parity.max_abs_logit_diff:.2g}, on {parity.videos} videos"
        )
    else:
        yield "  parity     unproven: exported without --check"
