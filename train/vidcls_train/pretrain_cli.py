"""The command `vidcls-pretrain`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from vidcls import terminal
from vidcls.errors import DependencyError
from vidcls_train.cli import default_workers
from vidcls_train.settings import DEFAULT_BASE, DEFAULT_MASK_RATIO, PRESETS, PretrainSettings


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vidcls")
@click.argument("videos_dir")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Checkpoint folder to write; new or empty.",
)
@click.option("--base", help=f"VideoMAE to go on from: a folder or an id on the hub. Default: {DEFAULT_BASE}.")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Start with a fresh VideoMAE of this size instead.")
@click.option("--epochs", type=click.IntRange(min=1), help="Default: 200 with --preset, 50 with --base.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Stop after so many steps, whatever --epochs says.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Clips per step, of all processes together.")
@click.option(
    "--accumulate", type=click.IntRange(min=1), help="Compute each batch in so many parts, to need less memory."
)
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Highest rate, after the warm-up.")
@click.option(
    "--mask-ratio",
    type=click.FloatRange(min=0.05, max=0.99),
    default=DEFAULT_MASK_RATIO,
    show_default=True,
    help="Share of each clip's patches that are hidden, the same ones in all its frames.",
)
@click.option("--frames", type=click.IntRange(min=2), help="Frames per clip. Default: the preset's or the base's.")
@click.option("--image-size", type=click.IntRange(min=16), help="Pixels, square. Default: the preset's or the base's.")
@click.option("--clip-seconds", type=click.FloatRange(min=0, min_open=True), help="Length of a clip. Default: 64/30.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Processes that load clips. Default: half as many as CPUs, at most 4; 0 where /dev/shm is small.",
)
@click.option(
    "--cache-gb",
    type=click.FloatRange(min=0),
    default=20.0,
    show_default=True,
    help="Disk for decoded clips, in ~/.cache/vidcls/frames.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in the output folder from its last whole epoch.")
def main(**options: Any) -> None:
    """Pretrain VideoMAE on the videos below VIDEOS_DIR, at any depth, which need no labels.

    Most of each clip is hidden, and the model learns to draw it: what your cameras show, before any of it is labelled.
    The result is a folder for 'vidcls-train --base'.

    Exit code 0: done. 1: something failed. 2: wrong usage.
    """
    if options["preset"] and options["base"]:
        raise click.UsageError("give --base or --preset, not both")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as in vidcls-train
    with terminal.exit_codes():
        given = {name: value for name, value in options.items() if value is not None}
        base = {} if options["preset"] else {"base": DEFAULT_BASE}
        chosen = {"workers": default_workers(), **base, **given}
        settings = PretrainSettings(data=chosen.pop("videos_dir"), **chosen)
        try:
            from vidcls_train.endings import named_endings
            from vidcls_train.pretraining import pretrain
        except ImportError as error:
            raise DependencyError(
                f"pretraining needs packages that are not installed ({error}); run 'pip install \"vidcls[train]\"'"
            ) from error
        with named_endings(settings.output):
            metrics = pretrain(settings)
    if metrics is not None:  # it is the first process's
        click.echo(
            f"error of hidden patches {metrics['first_loss']:.4f} -> {metrics['last_loss']:.4f} "
            f"on {metrics['videos']} videos"
        )
        click.echo(
            f"wrote {settings.output}: fine-tune it with 'vidcls-train DATA -o CHECKPOINT --base {settings.output}'"
        )


if __name__ == "__main__":
    main()
