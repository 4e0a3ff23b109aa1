"""What both training commands take and need: their common options, workers to start with, packages to find."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from vidcls.errors import DependencyError

max_steps = click.option(
    "--max-steps",
    type=click.IntRange(min=1),
    help="Stop training, and pretraining, after so many steps, whatever --epochs says.",
)
accumulate = click.option(
    "--accumulate",
    type=click.IntRange(min=1),
    help="Compute each batch in so many parts, one after the other, where it does not fit in memory. Default: 1.",
)
frames = click.option(
    "--frames", type=click.IntRange(min=2), help="Frames per clip. Default: the preset's or the base's."
)
image_size = click.option(
    "--image-size",
    type=click.IntRange(min=16),
    help="Pixels, square; a multiple of the patch size (16; tiny: 8). Default: the preset's or the base's.",
)
clip_seconds = click.option(
    "--clip-seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Length of the window that the frames are spread over. Default: 64/30 (16 frames, every 4th, at 30 fps).",
)
seed = click.option("--seed", type=click.IntRange(min=0), help="Default: 0.")
device = click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Default: auto.")
workers = click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Processes that load clips for each one that trains. Default: half as many as CPUs, at most 4; none where "
    "--processes take all CPUs or /dev/shm is small.",
)
processes = click.option(
    "--processes",
    type=click.IntRange(min=1),
    help="Processes that train together on a CPU. Default: for encoders as small as the tiny preset's as many as CPUs, "
    "at most 4; else 1.",
)
cache_gb = click.option(
    "--cache-gb",
    type=click.FloatRange(min=0),
    help="Disk for decoded training clips, in ~/.cache/vidcls/frames; those not read for longest make room, and what "
    "does not fit is decoded every epoch. Default: 20.",
)
resume = click.option(
    "--resume", is_flag=True, help="Go on with the run in the output folder from its last whole epoch."
)


@contextmanager
def named_missing_packages(what: str) -> Iterator[None]:
    """Where an import fails, say which packages `what` needs."""
    try:
        yield
    except ImportError as error:
        raise DependencyError(
            f"{what} needs packages that are not installed ({error}); run 'pip install \"vidcls[train]\"'"
        ) from error
