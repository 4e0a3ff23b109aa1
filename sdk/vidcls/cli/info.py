"""`vidcls info`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from vidcls.cli import options, terminal


@click.command()
@options.model
@options.as_json
def info(model: Path, as_json: bool) -> None:
    """Say what MODEL is: labels, sampling, pixels, precision, origin, accuracy and parity."""
    with terminal.exit_codes():
        contract = options.open_classifier(model, "cpu").contract
        image, sampling = contract.image, contract.sampling
        shape: list[int | str] = ["batch", sampling.frames, 3, image.crop_size, image.crop_size]
        if contract.model.input.layout == "BTHWC":
            shape = ["batch", sampling.frames, image.crop_size, image.crop_size, 3]
        fields = {
            "labels": contract.labels,
            "frames": sampling.frames,
            "clip_seconds": sampling.clip_seconds,
            "image": dataclasses.asdict(image),
            "precision": contract.model.precision,
            "input": {"name": contract.model.input.name, "shape": shape, "dtype": contract.model.input.dtype},
            "source": dataclasses.asdict(contract.source),
            "file_mb": round(model.stat().st_size / 1e6, 3),
        }
    if as_json:
        terminal.print_json(fields)
        return
    source, accuracy, parity = contract.source, contract.accuracy, contract.parity
    licence = (source.base_license or "unknown") if source.base else "no base weights"
    click.echo(f"{model}: {fields['file_mb']} MB, {contract.model.precision}, graph for {contract.model.graph}")
    click.echo(f"  labels     {len(contract.labels)}: {', '.join(contract.labels)}")
    click.echo(f"  sampling   {sampling.frames} frames over {sampling.clip_seconds:.3f} s")
    click.echo(
        f"  image      {image.resize} {image.resize_size}, crop {image.crop_size}, mean {image.mean}, std {image.std}"
    )
    click.echo(f"  source     {source.architecture}, base {source.base or 'none (from scratch)'}, {source.created}")
    click.echo(f"  licence    of the base weights: {licence}")
    if accuracy:
        click.echo(
            f"  accuracy   top-1 {accuracy.top1:.3f}, top-5 {accuracy.top5:.3f} on {accuracy.videos} videos "
            f"({accuracy.split}, {accuracy.views} x {accuracy.crops} views x crops)"
        )
    else:
        click.echo("  accuracy   not measured")
    if parity:
        click.echo(
            f"  parity     top-1 agreement {parity.top1_agreement:.4f}, largest logit difference "
            f"{parity.max_abs_logit_diff:.2g}, on {parity.videos} videos"
        )
    else:
        click.echo("  parity     unproven: exported without --check")
