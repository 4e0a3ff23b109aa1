"""The command `vidcls-pretrain`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from vidcls.cli import terminal
from vidcls.cli.options import examples
from vidcls.cli.printing import PrintingCommand, print_meanwhile
from vidcls_train.cli import options
from vidcls_train.cli.options import setting
from vidcls_train.config.processes import check_processes, process_rank
from vidcls_train.config.recipes import DEFAULT_BASE
from vidcls_train.config.settings import PretrainConfig, pretrain_config


@click.command(
    cls=PrintingCommand,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "vidcls-pretrain videos -o pretrained", "vidcls-pretrain videos -o pretrained --preset tiny --device cuda:1"
    ),
)
@click.version_option(package_name="vidcls")
@click.argument("data", metavar="VIDEOS_DIR", type=click.Path())
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Checkpoint folder to write; new or empty.",
)
@setting(PretrainConfig, "base", what=f"VideoMAE to go on from: a folder or an id on the hub. Default: {DEFAULT_BASE}.")
@setting(PretrainConfig, "preset", what="Start with a fresh VideoMAE of this size instead.")
@setting(PretrainConfig, "epochs", what="Default: 60 with --preset tiny, 200 with the others, 50 with --base.")
@options.steps(PretrainConfig)
@setting(
    PretrainConfig,
    "mask_ratio",
    what="Share of each clip's patches that are hidden, the same ones in all its frames. Default: 0.9.",
)
@options.common(PretrainConfig)
def main(**named: Any) -> None:
    """Pretrain VideoMAE on the videos below VIDEOS_DIR, at any depth, which need no labels.

    Most of each clip is hidden, and the model learns to draw it: what your cameras show, before any of it is labelled.
    The result is a folder for 'vidcls-train --base'.

    Exit code 0: done. 1: something failed. 2: wrong usage.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as in vidcls-train
    os.environ["MPLBACKEND"] = "agg"  # likewise
    output = named["output"]
    with terminal.exit_codes():
        config = pretrain_config(named)
        check_processes()
        with options.named_missing_packages("pretraining"):
            from vidcls_train.cli.endings import named_endings
            from vidcls_train.preflight.checks import check_pretraining_run
        with named_endings(output):
            with options.named_missing_packages("pretraining"):
                if process_rank() == 0:
                    check_pretraining_run(config)
                from vidcls_train.cli.progress import progress_bars
                from vidcls_train.pretrain import pretrain
            metrics = pretrain(named, on_epoch=print_meanwhile, callbacks=progress_bars(), track=terminal.track)
    if metrics is not None:  # it is the first process's
        click.echo(
            f"error of hidden patches {metrics['first_loss']:.4f} -> {metrics['last_loss']:.4f} "
            f"on {metrics['videos']} videos"
        )
        click.echo(f"wrote {output}: fine-tune it with 'vidcls-train DATA -o CHECKPOINT --base {output}'")


if __name__ == "__main__":
    main()
