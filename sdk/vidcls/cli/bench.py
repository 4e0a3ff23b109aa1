"""`vidcls bench`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from vidcls.cli import options, terminal
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls.diagnostics.recommendation import Limits
    from vidcls.video.reader import Decoder


@click.command(
    epilog=options.examples("vidcls bench model.onnx clip.mp4", "vidcls bench fp32.onnx clip.mp4 int8.onnx --compare")
)
@options.model
@options.video
@click.argument("others", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--compare",
    is_flag=True,
    help="Compare MODEL and OTHERS, files or folders of them, on every engine that works here, and recommend one.",
)
@click.option(
    "--runs", type=click.IntRange(min=1), default=10, show_default=True, help="Predictions to take medians of."
)
@click.option(
    "--max-loss",
    type=click.FloatRange(0, 1),
    default=0.03,
    show_default=True,
    help="With --compare: by how much the accuracy of what is recommended may be lower than the trained model's.",
)
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    default=0.99,
    show_default=True,
    help="With --compare: the share of check clips on which its top-1 answer has to be PyTorch's.",
)
@options.decoder
@options.device
@options.engine
@options.as_json
def bench(
    model: Path,
    video: str,
    others: tuple[Path, ...],
    compare: bool,
    runs: int,
    max_loss: float,
    min_agreement: float,
    decoder: Decoder,
    device: str,
    engine: str,
    as_json: bool,
) -> None:
    """Time MODEL on VIDEO here, from the file to the answer, in a fresh process.

    load_s is importing and opening, first_prediction_s runs from the start of the process to the first
    answer, and videos_per_s is many in a row, where decoding overlaps inference.

    With --compare, exports of one checkpoint (precisions, graphs, shares of tokens) are timed turn by turn on all
    engines that work here, or on those of --engine and --device, and the fastest is recommended whose self-test holds
    and whose accuracy was proven when it was exported with --check.
    """
    if compare:
        from vidcls.diagnostics.recommendation import Limits

        limits = Limits(max_loss=max_loss, min_agreement=min_agreement)
        asked = engine if _is_given("engine") else None
        _compare(model, video, others, limits, runs=runs, decoder=decoder, device=device, engine=asked, as_json=as_json)
        return
    if others or _is_given("max_loss") or _is_given("min_agreement"):
        raise click.UsageError("more than one model, --max-loss and --min-agreement are for --compare; give that too")
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


def _is_given(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) is not ParameterSource.DEFAULT


def _compare(
    model: Path,
    video: str,
    others: tuple[Path, ...],
    limits: Limits,
    *,
    runs: int,
    decoder: Decoder,
    device: str,
    engine: str | None,
    as_json: bool,
) -> None:
    with terminal.exit_codes():
        from vidcls.cli import comparison
        from vidcls.diagnostics import candidates
        from vidcls.diagnostics.comparison import measure

        files = candidates.find_files(model, others)
        candidates.check_one_question(files)
        placements = candidates.find_placements(engine=engine, device=device)
        rows = measure(files, placements, video, runs=runs, decoder=decoder, track=terminal.track)
        missing = candidates.missing_exports(files, placements)
        result = comparison.judged(rows, limits, missing)
    if as_json:
        for fields in comparison.fields(result):
            terminal.print_json(fields)
    else:
        for line in comparison.lines(result, video=video, width=terminal.width()):
            click.echo(line)
    if any(row.failure is not None or row.self_test is None or not row.self_test.ok for row in rows):
        raise SystemExit(1)
