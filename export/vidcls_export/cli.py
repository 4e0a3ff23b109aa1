"""The command `vidcls-export`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from vidcls.cli import terminal
from vidcls.cli.options import examples, region_option
from vidcls.cli.printing import PrintingCommand
from vidcls.errors import DependencyError, ModelError
from vidcls.files.run_status import why_incomplete
from vidcls.huggingface import is_non_commercial
from vidcls.versions import check_exporting

if TYPE_CHECKING:
    from vidcls_export.report import Report


@click.command(
    cls=PrintingCommand,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "vidcls-export checkpoint -o model.onnx --check data",
        "vidcls-export checkpoint -o int8.onnx --precision int8 --check data",
    ),
)
@click.version_option(package_name="vidcls")
@click.argument("checkpoint", type=click.Path())
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The ONNX file to write. It is written last: if anything fails, an older one stays.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "int8"]),
    default="fp32",
    show_default=True,
    help="What the graph computes in: fp16 for GPUs, at half the size; int8 for CPUs, at a quarter.",
)
@click.option(
    "--check",
    metavar="DATA_DIR",
    type=click.Path(path_type=Path),
    help="Real clips on which to compare the file with PyTorch; one folder per label also gives accuracies.",
)
@click.option(
    "--negatives",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Clips that show none of the labels: measures how many of them the checkpoint's rule takes for one that does, "
    "and stores that in the file. Nothing is fitted on them.",
)
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    default=0.99,
    show_default=True,
    help="Share of the checked clips on which the top-1 answer has to be PyTorch's; below it no file is written.",
)
@region_option(
    "The part of the picture that clips of --check and --negatives are cut to, where the checkpoint was trained on "
    "one: left, top, right and bottom as shares of it, such as 0.5,0,1,1.  [default: all of it]"
)
@click.option(
    "--clip-seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds that a clip's frames are spread over; only for a checkpoint without vidcls.json.  [default: 64/30]",
)
@click.option(
    "--tokens",
    type=click.Choice(
        ["all", "lattice:0.5", "lattice:0.25", "lattice:0.125", "moving:0.5", "moving:0.25", "moving:0.125"]
    ),
    help="Which tokens the encoder sees: a half, a quarter or an eighth of them, evenly spread (lattice) or those of "
    "each clip that change most (moving; VideoMAE), for less than that share of the encoder's time; decoding takes as "
    "long as before, and so does a hybrid's picture network.  "
    "[default: those that the checkpoint was trained with]",
)
@click.option(
    "--max-loss",
    type=click.FloatRange(0, 1),
    default=0.03,
    show_default=True,
    help="By how much accuracy on the checked clips may be lower with --tokens than with all of them, of a checkpoint "
    "that was trained with all; above it no file is written.",
)
@click.option(
    "--graph",
    type=click.Choice(["onnxruntime", "portable"]),
    default="onnxruntime",
    show_default=True,
    help="onnxruntime uses its fused attention; portable keeps to standard ONNX, with int8 as OpenVINO and other "
    "compilers know it, which needs --check for its calibration.",
)
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The HTML page to write.  [default: OUTPUT with the ending .html]",
)
@click.option(
    "--triton",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write a model repository for Triton Inference Server here.",
)
@click.option(
    "--bundle",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Also write a new folder to hand on: the model, its card and licence, and the three lines that run it.",
)
@click.option(
    "--incomplete",
    is_flag=True,
    help="Export the folder of a vidcls-train run that has not come to its end, or that lacks files, as it is.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one line of JSON.")
def main(
    checkpoint: str,
    output: Path,
    triton: Path | None,
    bundle: Path | None,
    incomplete: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Export CHECKPOINT to one ONNX file that carries its contract and answers as PyTorch does.

    CHECKPOINT is a folder made by vidcls-train, or a plain Hugging Face video classifier: a folder or an id on the hub.

    Exit code 0: done. 1: something failed or a check did not hold, and no file is written; or some of the clips to
    check on could not be read, or DIR not written, or the report not printed, and the file is there. 2: wrong usage.
    """
    if options["check"] is None and _is_given("min_agreement"):
        raise click.UsageError("--min-agreement is for the clips of --check; give --check DATA_DIR too")
    if _is_given("max_loss") and None in (options["tokens"], options["check"]):
        raise click.UsageError(
            "--max-loss is for fewer tokens, measured on clips: give --tokens and --check DATA_DIR too"
        )
    if options["region"] is not None and options["check"] is None and options["negatives"] is None:
        raise click.UsageError("--region is for the clips of --check and --negatives; give one of them too")
    # Else PyTorch's threads wait for each other in busy loops, and its latency beside ours would be a caricature
    # on a machine with other work. It is read when PyTorch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # see vidcls.runtime.onnxruntime_session
    with terminal.exit_codes(), terminal.busy(f"exporting {checkpoint} ..."):
        _check_bundle(bundle, output, triton, options["report"])
        _check_triton(triton, output, options["report"], bundle)
        check_exporting()
        if not incomplete:
            _check_complete(checkpoint)
        _check_first(checkpoint, output, **options)
        report = _exported(checkpoint, output, triton=triton, bundle=bundle, **options)
    source = report.contract.source
    if is_non_commercial(source.base_license):
        terminal.note(
            f"Note: the weights of {source.base} are licensed {source.base_license}: not for commercial use, and "
            "neither is what was made from them."
        )
    if as_json:
        _print_json(report)
    else:
        _print_report(report, checked=options["check"])
        if bundle is not None:
            click.echo(f"  bundle: {bundle}")
    if report.failed:
        raise SystemExit(1)


def _is_given(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) is not ParameterSource.DEFAULT


def _check_bundle(bundle: Path | None, *others: Path | None) -> None:
    """Refuse a folder that cannot be the bundle's before anything is opened: an export may take hours."""
    if bundle is not None:
        from vidcls_export.bundle.folder import check_free

        check_free(bundle, others=others)


def _check_triton(repository: Path | None, output: Path, *others: Path | None) -> None:
    """Likewise of the folder that a model repository would have for the model."""
    if repository is not None:
        from vidcls_export.triton import check_replaceable

        check_replaceable(repository, output.stem, others=(output, *others))


def _check_first(checkpoint: str, output: Path, **options: Any) -> None:
    """Refuse what can be refused before PyTorch is loaded."""
    with _named_missing_packages():
        from vidcls_export.preflight import check_export, check_loss_counts

        check_export(checkpoint, output, **options)
        if _is_given("max_loss"):
            check_loss_counts(checkpoint, options["tokens"])


def _check_complete(checkpoint: str) -> None:
    """Refuse the folder of a run that is still being trained or scored, or was stopped in the middle of it."""
    problem = why_incomplete(Path(checkpoint))
    if problem is not None:
        raise ModelError(
            f"{checkpoint}: {problem}; let it end, by the same vidcls-train command with --resume if it was stopped, "
            "or export what there is with --incomplete"
        )


def _exported(checkpoint: str, output: Path, *, triton: Path | None, bundle: Path | None, **options: Any) -> Report:
    """The export, and the folders that were asked for beside it."""
    report = _export(checkpoint, output, **options)
    if triton is not None:
        from vidcls_export.triton import write_repository

        write_repository(report.path, report.contract, triton, region=report.region)
    if bundle is not None:
        from vidcls_export.bundle.folder import write_bundle

        name = Path(checkpoint).resolve().name  # of a run's folder, or of an id on the hub
        write_bundle(report.path, report.contract, bundle, name=name, region=report.region)
    return report


def _export(checkpoint: str, output: Path, **options: Any) -> Report:
    with _named_missing_packages():
        from vidcls_export.exporter import export
    return export(checkpoint, output, track=terminal.track, **options)


@contextmanager
def _named_missing_packages() -> Iterator[None]:
    """Where an import fails, say what exporting needs."""
    try:
        yield
    except ImportError as error:
        raise DependencyError(
            f"exporting needs packages that are not installed ({error}); run 'pip install \"vidcls[export]\"', and "
            "'pip install \"vidcls[cpu]\"' for onnxruntime where there is none"
        ) from error


def _print_json(report: Report) -> None:
    from vidcls_export.report import report_fields

    terminal.print_json(report_fields(report))


def _print_report(report: Report, *, checked: Path | None) -> None:
    from vidcls_export.report import report_lines

    for line in report_lines(report, checked=checked):
        click.echo(line)


if __name__ == "__main__":
    main()
