"""The command `vidcls-pretrain`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from vidcls.cli import terminal
from vidcls_train.cli import options
from vidcls_train.config.settings import DEFAULT_BASE, PRESETS, PretrainSettings


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
@click.option(
    "--epochs", type=click.IntRange(min=1), help="Default: 60 with --preset tiny, 200 with the others, 50 with --base."
)
@options.max_steps
@click.option("--batch-size", type=click.IntRange(min=1), help="Clips per step, of all processes together.")
@options.accumulate
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Highest rate, after the warm-up.")
@click.option(
    "--mask-ratio",
    type=click.FloatRange(min=0.05, max=0.99),
    help="Share of each clip's patches that are hidden, the same ones in all its frames. Default: 0.9.",
)
@options.frames
@options.image_size
@options.clip_seconds
@options.seed
@options.device
@options.processes
@options.workers
@options.cache_gb
@options.resume
def main(**named: Any) -> None:
    """Pretrain VideoMAE on the videos below VIDEOS_DIR, at any depth, which need no labels.

    Most of each clip is hidden, and the model learns to draw it: what your cameras show, before any of it is labelled.
    The result is a folder for 'vidcls-train --base'.

    Exit code 0: done. 1: something failed. 2: wrong usage.
    """
    if named["preset"] and named["base"]:
        raise click.UsageError("give --base or --preset, not both")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as in vidcls-train
    with terminal.exit_codes():
        given = {name: value for name, value in named.items() if value is not None}
        base = {} if named["preset"] else {"base": DEFAULT_BASE}
        chosen = {"processes": None, "workers": None, **base, **given}
        settings = PretrainSettings(data=chosen.pop("videos_dir"), **chosen)
        with options.named_missing_packages("pretraining"):
            from vidcls_train.cli.endings import named_endings
            from vidcls_train.pretrain import pretrain
        with named_endings(settings.output):
            metrics = pretrain(settings, track=terminal.track)
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
