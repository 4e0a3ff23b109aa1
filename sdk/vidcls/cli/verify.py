"""`vidcls verify`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidcls.cli import options, terminal

if TYPE_CHECKING:
    from vidcls.video.decoder_check import DecoderCheck


@click.command()
@options.model
@options.device
@options.engine
@options.as_json
def verify(model: Path, device: str, engine: str, as_json: bool) -> None:
    """Prove that MODEL's answers on this device are still the trained model's.

    Runs the self-test embedded in the file, checks the file's bytes, and decodes small reference clips; exit code 1
    if one of these fails.
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
        click.echo(_decoding(result.decoders))
    if not result.ok:
        raise click.ClickException(f"{model}: on {result.device}, {result.problem}")


def _decoding(decoders: Sequence[DecoderCheck]) -> str:
    right = [decoder for decoder in decoders if decoder.ok]
    names = " and ".join(f"{decoder.name} {decoder.version}" for decoder in right)
    how = "bit for bit" if all(decoder.exact for decoder in right) else "but for this processor's rounding"
    return f"{names} {'decode' if len(right) > 1 else 'decodes'} right, {how}"
