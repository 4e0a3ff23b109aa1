"""A run's folder and its ways to stop: what may go on, and what is said where it cannot."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from vidcls.errors import DeviceError, VidclsError
from vidcls_train.config.settings import SETTINGS_FILE, RunSettings
from vidcls_train.trainer.trainer import AVERAGE_FILE

# The Trainer's own checkpoints, for --resume; the finished checkpoint lies beside this folder.
STEPS_FOLDER = "checkpoints"

# What may differ when a run goes on: where and how fast it runs, not what it computes.
_FREE_ON_RESUME = {"output", "device", "workers", "processes", "cache_gb", "resume", "push_to_hub", "accumulate"}


class OutOfMemoryError(VidclsError):
    """The model does not fit into memory with this batch size."""


def check_output(settings: RunSettings) -> None:
    """Raise a ValueError where the output folder is taken, or holds no run to resume."""
    output = settings.output
    if settings.resume:
        if not (output / SETTINGS_FILE).exists():
            raise ValueError(f"{output}: holds no run to resume; start one without --resume")
    elif output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(f"{output}: exists and is not empty; name a new folder, or go on with its run by --resume")


def check_resume(settings: RunSettings) -> None:
    """Raise a ValueError where the run in the output folder was started with other settings."""
    file = settings.output / SETTINGS_FILE
    before = json.loads(file.read_text(encoding="utf-8"))
    for name, value in dataclasses.asdict(settings).items():
        if name not in _FREE_ON_RESUME and before.get(name) != value:
            raise ValueError(
                f"--resume goes on with the settings of {file}, where {name} is {before.get(name)!r}, not {value!r}"
            )


def last_step(output: Path) -> str | None:
    """The newest whole step of an earlier run; None if it had not finished an epoch.

    A kill while a step is written leaves a part of one, which is deleted here.
    """
    steps = sorted((output / STEPS_FOLDER).glob("checkpoint-*"), key=lambda step: int(step.name.split("-")[1]))
    while steps and not (steps[-1] / AVERAGE_FILE).exists():
        shutil.rmtree(steps.pop())
    return str(steps[-1]) if steps else None


def check_device(device: str) -> None:
    """Raise a DeviceError where a CUDA device was asked for and there is none."""
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"device 'cuda' was asked for, but torch {torch.__version__} finds no CUDA device; check 'nvidia-smi', "
            "or train with --device cpu"
        )


@contextmanager
def named_memory_errors(*, batch_size: int, accumulate: int) -> Iterator[None]:
    """Say what helps where memory runs out, on the GPU or beside it."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        # PyTorch's allocator for the CPU raises a bare RuntimeError.
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error):
            raise OutOfMemoryError(
                f"memory ran out with batches of {batch_size} clips in {accumulate} parts; go on with --resume and "
                f"--accumulate {2 * accumulate}, which computes the same in smaller parts, or start again with "
                "--gradient-checkpointing, a smaller --batch-size, --frames or --image-size"
            ) from error
        raise
