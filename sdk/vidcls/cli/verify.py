"""`vidcls verify`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcls.cli import options, terminal
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls import Verification, VidclsError
    from vidcls.video.decoder_check import DecoderCheck

# With a limit of memory alone: nothing waits without an end.
_SECONDS = 600.0


@click.command(
    epilog=options.examples(
        "vidcls verify model.onnx", "vidcls verify unknown.onnx --max-seconds 60 --max-memory-mb 4000"
    )
)
@options.model
@options.device
@options.engine
@click.option(
    "--max-seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Verify in a process of its own, and give the file up after so long.",
)
@click.option(
    "--max-memory-mb",
    type=click.IntRange(min=1),
    help="Verify in a process of its own, which may hold so much memory (Linux; not for CUDA).",
)
@options.as_json
def verify(
    model: Path, device: str, engine: str, max_seconds: float | None, max_memory_mb: int | None, as_json: bool
) -> None:
    """Prove that MODEL's answers on this device are still the trained model's.

    Checks the file's bytes, runs the self-test embedded in it, and decodes small reference clips; exit code 1 if one
    of these fails. For a file that you do not trust, set the limits.
    """
    with terminal.exit_codes():
        from vidcls import VidclsError

        try:
            result = _verify(model, device, engine, max_seconds=max_seconds, max_memory_mb=max_memory_mb)
        except VidclsError as error:
            if as_json:
                terminal.print_json(_refusal(error))
            raise
    if as_json:
        fields = dataclasses.asdict(result)
        if result.ok:
            del fields["problem"]
        if math.isnan(result.max_abs_diff):
            fields["max_abs_diff"] = None  # JSON has no NaN
        terminal.print_json(fields)
    elif result.ok:
        click.echo(
            f"{printable(str(model))}: ok on {result.device}, {result.precision}; logits within "
            f"{result.max_abs_diff:.2g} of PyTorch's (allowed: {result.tolerance:g})"
        )
        click.echo(_decoding(result.decoders))
    if not result.ok:
        raise click.ClickException(printable(f"{model}: on {result.device}, {result.problem}", limit=1000))


def _verify(
    model: Path, device: str, engine: str, *, max_seconds: float | None, max_memory_mb: int | None
) -> Verification:
    if max_seconds is None and max_memory_mb is None:
        return options.open_classifier(model, device, engine=engine).verify()
    from vidcls.diagnostics.guarded import verify_guarded

    return verify_guarded(
        model, max_seconds=max_seconds or _SECONDS, max_memory_mb=max_memory_mb, device=device, engine=engine
    )


def _refusal(error: VidclsError) -> dict[str, Any]:
    """The answer where nothing was verified: the file does not open, or the device does not work."""
    unknown = dict.fromkeys(("max_abs_diff", "tolerance", "device", "precision"))
    return {
        "ok": False,
        **unknown,
        "decoders": [],
        "error": {"type": type(error).__name__, "message": str(error)},
    }


def _decoding(decoders: Sequence[DecoderCheck]) -> str:
    right = [decoder for decoder in decoders if decoder.ok]
    names = " and ".join(f"{decoder.name} {decoder.version}" for decoder in right)
    how = "bit for bit" if all(decoder.exact for decoder in right) else "but for this processor's rounding"
    return f"{names} {'decode' if len(right) > 1 else 'decodes'} right, {how}"
