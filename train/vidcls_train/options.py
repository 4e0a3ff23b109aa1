"""What both training commands take and need: their common options, workers to start with, packages to find."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from vidcls.cpus import usable_cpus
from vidcls.errors import DependencyError

# Worker processes hand their batches over in shared memory, of which Docker gives 64 MiB unless told
# otherwise; two batches of the base preset (8 clips of 9.6 MB) in flight from each of four workers take 600 MB.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only asked for its size
_BATCHES_BYTES = 2**30

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
    help="Pixels, square; a multiple of 16. Default: the preset's or the base's.",
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
    help="Processes that load clips. Default: half as many as CPUs, at most 4; 0 where /dev/shm is small.",
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


def default_workers() -> int:
    """Half as many as CPUs, since training needs some; none where they could not hand over a batch."""
    if _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free < _BATCHES_BYTES:
        return 0
    return min(4, usable_cpus() // 2)


@contextmanager
def named_missing_packages(what: str) -> Iterator[None]:
    """Where an import fails, say which packages `what` needs."""
    try:
        yield
    except ImportError as error:
        raise DependencyError(
            f"{what} needs packages that are not installed ({error}); run 'pip install \"vidcls[train]\"'"
        ) from error
