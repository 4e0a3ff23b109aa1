"""The command `vidcls-train`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import click

from vidcls import terminal
from vidcls.cpus import usable_cpus
from vidcls.errors import DependencyError
from vidcls_train.settings import (
    COLOUR_JITTER,
    DEFAULT_BASE,
    DEFAULT_CLIP_SECONDS,
    FINE_TUNING_BATCH_SIZE,
    FINE_TUNING_EPOCHS,
    FINE_TUNING_LEARNING_RATE,
    PRESETS,
    Settings,
)

# Worker processes hand their batches over in shared memory, of which Docker gives 64 MiB unless told
# otherwise; two batches of the base preset in flight from each of four workers take 600 MB.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only asked for its size
_BATCHES_BYTES = 2**30


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vidcls")
@click.argument("data")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Checkpoint folder to write; new or empty.",
)
@click.option(
    "--base", help=f"Pretrained VideoMAE to fine-tune: a folder or an id on the hub. Default: {DEFAULT_BASE}."
)
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Train a fresh VideoMAE of this size instead.")
@click.option("--epochs", type=click.IntRange(min=1), help=f"Default: the preset's; {FINE_TUNING_EPOCHS} with --base.")
@click.option("--max-steps", type=click.IntRange(min=1), help="Stop after so many steps, whatever --epochs says.")
@click.option(
    "--batch-size", type=click.IntRange(min=1), help=f"Default: the preset's; {FINE_TUNING_BATCH_SIZE} with --base."
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help=f"Highest rate, after the warm-up. Default: the preset's; {FINE_TUNING_LEARNING_RATE:g} with --base.",
)
@click.option("--frames", type=click.IntRange(min=2), help="Frames per clip. Default: the preset's or the base's.")
@click.option(
    "--image-size",
    type=click.IntRange(min=16),
    help="Pixels, square; a multiple of 16. Default: the preset's or the base's.",
)
@click.option(
    "--clip-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=DEFAULT_CLIP_SECONDS,
    help="Length of the window that the frames are spread over. Default: 64/30 (16 frames, every 4th, at 30 fps).",
)
@click.option(
    "--resize",
    type=click.Choice(["shortest_edge", "stretch"]),
    help="shortest_edge keeps proportions and crops; stretch shows the whole frame as a square. "
    "Default: shortest_edge; with --base what its preprocessor_config.json says.",
)
@click.option(
    "--flip",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="Mirror clips in training. auto: not where label names speak of left, right, clockwise or the like.",
)
@click.option(
    "--colour-jitter",
    type=click.FloatRange(min=0, max=1),
    default=COLOUR_JITTER,
    show_default=True,
    help="How far brightness, contrast and saturation stray in training, as a share; 0 where colours are what counts.",
)
@click.option(
    "--val-fraction",
    type=click.FloatRange(min=0.02, max=0.33),
    default=0.15,
    show_default=True,
    help="Share of the videos for validation, and again for test, where DATA has no splits.",
)
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
    help="Disk for decoded training clips, in ~/.cache/vidcls/frames; what does not fit is decoded every epoch.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in the output folder from its last whole epoch.")
@click.option("--push-to-hub", metavar="REPO", help="Upload the checkpoint to this repository on the hub.")
def main(**options: Any) -> None:
    """Fine-tune VideoMAE on DATA and write a checkpoint that carries its contract.

    DATA is a folder with train/, val/ and test/, each with one folder of videos per label; or a folder with one
    folder per label (split by footage); or a CSV path,label[,group][,split]; or a .tar.gz or .zip of one of these; or
    hf:OWNER/DATASET/FILE.tar.gz on the hub.

    Exit code 0: done. 1: something failed. 2: wrong usage.
    """
    preset = options["preset"]
    if preset and options["base"]:
        raise click.UsageError("give --base or --preset, not both")
    defaults = {
        "base": None if preset else DEFAULT_BASE,
        "epochs": PRESETS[preset].epochs if preset else FINE_TUNING_EPOCHS,
        "batch_size": PRESETS[preset].batch_size if preset else FINE_TUNING_BATCH_SIZE,
        "learning_rate": PRESETS[preset].learning_rate if preset else FINE_TUNING_LEARNING_RATE,
        "workers": _default_workers(),
    }
    given = {name: value for name, value in options.items() if value is not None}
    settings = Settings(**{**dict.fromkeys(options), **defaults, **given})
    # Else PyTorch's threads wait for each other in busy loops, which on a machine with other work makes
    # training several times slower. It is read when PyTorch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with terminal.exit_codes():
        try:
            from vidcls_train.training import train
        except ImportError as error:
            raise DependencyError(
                f"training needs packages that are not installed ({error}); run 'pip install \"vidcls[train]\"'"
            ) from error
        try:
            metrics = train(settings)
        except KeyboardInterrupt:
            raise click.ClickException(
                f"interrupted; go on with the same command and --resume, from {settings.output}'s last whole epoch"
            ) from None
    _print_summary(metrics, settings.output)


def _default_workers() -> int:
    """Half as many as CPUs, since training needs some; none where they could not hand over a batch."""
    if _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free < _BATCHES_BYTES:
        return 0
    return min(4, usable_cpus() // 2)


def _print_summary(metrics: dict[str, Any], output: Path) -> None:
    for split in ("val", "test", "test_multiview"):
        row = metrics[split]
        if row is not None:
            click.echo(
                f"{split.removesuffix('_multiview'):4} top-1 {row['top1']:.4f}, top-5 {row['top5']:.4f} "
                f"on {row['videos']} videos, {row['views']} x {row['crops']} views x crops"
            )
    if metrics["unreadable"]:
        click.echo(f"{len(metrics['unreadable'])} unreadable videos were left out; metrics.json names them")
    click.echo(f"wrote {output}: export it with 'vidcls-export {output} -o model.onnx'")


if __name__ == "__main__":
    main()
