"""The command `vidcls-train`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import click

from vidcls.cli import terminal
from vidcls.cli.options import examples, region_option
from vidcls.cli.printing import PrintingCommand, print_meanwhile
from vidcls_train.bases import SHIPPED
from vidcls_train.cli import options
from vidcls_train.cli.options import setting
from vidcls_train.cli.summary import print_summary
from vidcls_train.config.processes import check_processes, process_count, process_rank
from vidcls_train.config.recipes import DEFAULT_BASE
from vidcls_train.config.settings import TrainConfig, read_settings, train_config


@click.command(
    cls=PrintingCommand,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "vidcls-train data -o checkpoint",
        "vidcls-train data -o checkpoint --base vidcls/tiny",
        "vidcls-train data -o checkpoint --preset tiny --device cuda:1",
        "vidcls-train data -o report --check-only",
    ),
)
@click.version_option(package_name="vidcls")
@click.argument("data", type=click.Path())
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Checkpoint folder to write; new, empty, or with the report of --check-only, which goes there too.",
)
@setting(
    TrainConfig,
    "base",
    what="Pretrained VideoMAE, V-JEPA 2, TimeSformer or ViViT to fine-tune: a folder or an id on the hub; or "
    f"{', '.join(SHIPPED)}, which is small and comes with vidcls. Default: {DEFAULT_BASE}.",
)
@setting(TrainConfig, "preset", what="Train a fresh VideoMAE of this size instead.")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="JSON with settings, those without an option too: some of them, or another run's settings.json. "
    "Options given beside it go first.",
)
@options.teacher()
@setting(TrainConfig, "epochs", what="Default: the recipe's, for the preset or the base.")
@options.no_pretraining()
@options.steps(TrainConfig)
@setting(TrainConfig, "gradient_checkpointing", what="Compute layers twice to need less memory.")
@setting(TrainConfig, "head_only", what="Train the classification head alone, which is quick, on --base.")
@setting(
    TrainConfig,
    "early_stopping",
    metavar="EPOCHS",
    what="End after so many epochs without a better validation accuracy. Default: never.",
)
@setting(TrainConfig, "class_weights", what="balanced: clips of rare labels count for more. Default: none.")
@setting(
    TrainConfig,
    "resize",
    what="shortest_edge keeps proportions and crops; stretch shows the whole frame as a square. "
    "Default: shortest_edge; with --base what its preprocessor_config.json says.",
)
@region_option(
    "Cut every clip to this part of the picture, in training, validation and test: left, top, right and bottom as "
    "shares of it, such as 0.5,0,1,1. The model does not remember it: give the same one wherever it is used. "
    "Default: all of it."
)
@setting(
    TrainConfig,
    "tokens",
    what="Which tokens the encoder sees, in training and in the model that comes of it: lattice:0.25 is an evenly "
    "spread quarter of them, moving:0.25 the quarter of each clip that changes most (VideoMAE), for about a quarter of "
    "the encoder's time in use; and in training where the recipe hides none of them anyway: --preset tiny hides three "
    "quarters, which this takes the place of. Default: all; with --base what its config.json says.",
)
@setting(
    TrainConfig,
    "flip",
    what="Mirror clips in training. auto, the default: not where label names speak of left, right, clockwise or the "
    "like.",
)
@setting(
    TrainConfig,
    "color_jitter",
    also=("--colour-jitter",),
    what="How far brightness, contrast and saturation stray in training, as a share; 0 where colours are what counts. "
    "Default: the recipe's.",
)
@setting(
    TrainConfig,
    "val_fraction",
    what="Share of the videos for validation, and again for test, where DATA has no splits. Default: 0.15.",
)
@click.option(
    "--check-only",
    is_flag=True,
    help="Check the data, print what was found, and train nothing; -o writes it with a picture.",
)
@setting(
    TrainConfig,
    "allow_duplicates",
    what="Train even where much of val or test is footage that is in train too, or that --base or --teacher knows.",
)
@options.decision()
@options.common(TrainConfig)
@setting(
    TrainConfig,
    "push_to_hub",
    metavar="REPO",
    what="Upload the checkpoint to this repository on the hub, with pictures of training clips (samples.gif); where "
    "there is no such repository, a private one is made.",
)
def main(*, check_only: bool, **chosen: Any) -> None:
    """Fine-tune a video transformer on DATA and write a checkpoint that carries its contract.

    DATA is a folder with train/, val/ and test/, each with one folder of videos per label (without val/ one is made of
    train's clips, by footage); or a folder with one folder per label (split by footage); or a CSV
    path,label[,group][,split]; or a .tar.gz or .zip of one of these; or hf:OWNER/DATASET/FILE.tar.gz on the hub. A
    folder _none, or that label, is for videos that show none of the others.
    A CSV with a column labels in the place of label, as in jump|wave, trains a model whose labels may hold together.
    One with video,start,end in the place of path names stretches of long videos, in seconds; the rest of each video
    shows none of the labels.

    Before a step is trained the data is checked: clips that cannot be read, copies across splits, missing or misspelt
    labels, encodings that give labels away. The checkpoint folder then holds data-report.md, .json and .png.

    Exit code 0: done. 1: something failed, or clips could not be read and the model was trained without them. 2: wrong
    usage.
    """
    # Pictures are files here; a notebook hands on the name of a backend that may not be installed where this runs.
    os.environ["MPLBACKEND"] = "agg"
    if check_only:
        _check(**chosen)
        return
    if chosen["output"] is None:
        raise click.UsageError("name the checkpoint folder to write with -o")
    # Else PyTorch's threads wait for each other in busy loops, which on a machine with other work makes
    # training several times slower. It is read when PyTorch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with terminal.exit_codes():
        settings = _settings(**chosen)
        with options.named_missing_packages("training"):
            from vidcls_train.cli.endings import named_endings
        with named_endings(chosen["output"]):
            _check_first(settings)
            with options.named_missing_packages("training"):
                from vidcls_train.cli.progress import progress_bars
                from vidcls_train.finetune import train
            metrics = train(settings, on_epoch=print_meanwhile, callbacks=progress_bars(), track=terminal.track)
    if metrics is not None:  # it is the first process's
        print_summary(metrics, chosen["output"])
        if metrics["unreadable"]:
            raise SystemExit(1)


def _check_first(settings: dict[str, Any]) -> None:
    """Refuse, in the first of several processes, what can be refused before PyTorch is loaded."""
    check_processes()
    if process_rank() != 0:
        return
    with options.named_missing_packages("training"):
        from vidcls_train.preflight.checks import check_training_run

        check_training_run(settings, processes=process_count())


def _check(*, output: Path | None, **chosen: Any) -> None:
    """Print the report on the data; exit with 1 where it would stop a training, or clips cannot be read."""
    with terminal.exit_codes():
        settings = _settings(output=output or Path(), **chosen)
        config = train_config(settings)
        with options.named_missing_packages("checking data"):
            from vidcls_train.output.run_folder import check_writable
            from vidcls_train.preflight.checks import check_data, check_start_without_hub

            found = check_data(config)
            if output is not None:
                check_writable(output)
            config = check_start_without_hub(settings, found)
            from vidcls_train.audit.check import check_clips
            from vidcls_train.audit.findings import refuse_worthless
            from vidcls_train.audit.report import report_text, write_data_report
            from vidcls_train.data.sources import find_clips
            from vidcls_train.model.few_clips import few_clips_notices
            from vidcls_train.model.origin import known_to
            from vidcls_train.model.teaching import find_teacher
        with tempfile.TemporaryDirectory() as folder:
            found = find_clips(
                config.data.data,
                unpack_to=Path(folder) / "data",
                clip_seconds=config.data.clip_seconds,
                seed=config.run.seed,
                track=terminal.track,
            )
            teacher = find_teacher(config, found, notice=click.echo)
            checked = check_clips(
                found,
                val_fraction=config.classification.val_fraction,
                seed=config.run.seed,
                clip_seconds=config.data.clip_seconds,
                known_to=[known_to(config.model.base), None if teacher is None else teacher.contract.source.clips],
                track=terminal.track,
            )
            if output is not None:
                output.mkdir(parents=True, exist_ok=True)
                write_data_report(checked.report, output)
    click.echo(report_text(checked.report))
    for notice in few_clips_notices(config.model, clips=len(checked.splits.train), labels=len(found.labels)):
        click.echo(notice)
    with terminal.exit_codes():
        refuse_worthless(checked.report, allow_duplicates=config.classification.allow_duplicates)
    if checked.report.unreadable:
        raise SystemExit(1)


def _settings(*, settings_file: Path | None, **named: Any) -> dict[str, Any]:
    """The settings of a run, checked: what the options say, then the file."""
    # An option that is not given is None, a flag False.
    given = {name: value for name, value in named.items() if value is not None and value is not False}
    if "region" in given:
        given["region"] = list(given["region"])  # as a settings file has it
    from_file = {} if settings_file is None else read_settings(settings_file)
    if "base" in given:
        from_file.pop("preset", None)
    elif "preset" in given:
        from_file.pop("base", None)
    settings = {**from_file, **given}
    train_config(settings)
    return settings


if __name__ == "__main__":
    main()
