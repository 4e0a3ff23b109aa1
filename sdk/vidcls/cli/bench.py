"""`vidcls bench`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidcls.cli import options, terminal
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls.video.reader import Decoder


@click.command()
@options.model
@options.video
@click.option(
    "--runs", type=click.IntRange(min=1), default=10, show_default=True, help="Predictions to take medians of."
)
@options.decoder
@options.device
@options.engine
@options.as_json
def bench(model: Path, video: str, runs: int, decoder: Decoder, device: str, engine: str, as_json: bool) -> None:
    """Time MODEL on VIDEO here, from the file to the answer, in a fresh process.

    load_s is importing and opening, first_prediction_s runs from the start of the process to the first
    answer, and videos_per_s is many in a row, where decoding overlaps inference.
    """
    with terminal.exit_codes():
        from vidcls.diagnostics.benchmark import benchmark

        result = benchmark(model, video, runs=runs, decoder=decoder, device=device, engine=engine, track=terminal.track)
    if as_json:
        terminal.print_json(dataclasses.asdict(result))
        return
    click.echo(f"{printable(str(model))} on {result.device} ({result.provider}), {result.runs} runs")
    for stage, milliseconds in result.median_ms.items():
        click.echo(f"  {stage:16} {milliseconds:9.1f} ms, median")
    click.echo(f"  {'load':16} {result.load_s:9.2f} s")
    click.echo(f"  {'first prediction':16} {result.first_prediction_s:9.2f} s, from the start of the process")
    click.echo(f"  {'many in a row':16} {result.videos_per_s:9.2f} videos/s")
    if result.peak_rss_mb is not None:  # Windows does not say
        click.echo(f"  {'peak memory':16} {result.peak_rss_mb:9.0f} MB")
