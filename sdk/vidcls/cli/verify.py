"""`vidcls verify`."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import click

from vidcls.cli import options, terminal


@click.command()
@options.model
@options.device
@options.engine
@options.as_json
def verify(model: Path, device: str, engine: str, as_json: bool) -> None:
    """Prove that MODEL's answers on this device are still the trained model's.

    Runs the self-test embedded in the file and checks the file's bytes; exit code 1 if either fails.
    """
    with terminal.exit_codes():
        result = options.open_classifier(model, device, engine=engine).verify()
    if as_json:
        fields = dataclasses.asdict(result)
        del fields["problem"]
        if math.isnan(result.max_abs_diff):
            fields["max_abs_diff"] = None  # JSON has no NaN
        terminal.print_json(fields)
    elif result.ok:
        click.echo(
            f"{model}: ok on {result.device}, {result.precision}; logits within {result.max_abs_diff:.2g} "
            f"of PyTorch's (allowed: {result.tolerance:g})"
        )
    if not result.ok:
        raise click.ClickException(f"{model}: on {result.device}, {result.problem}")
