"""Where a run's steps are saved, what each of them holds, and which one a run goes on from."""

from __future__ import annotations

import shutil
from pathlib import Path

# The Trainer's own checkpoints, for --resume; the finished checkpoint lies beside this folder.
STEPS_FOLDER = "checkpoints"

# Of a step's files, the one written last, under another name first: where it is, the step is whole.
# (Runs that were begun when the EMA was called so go on.)
EMA_FILE = "average.safetensors"

# Beside the steps: the EMA of the epoch that is kept.
BEST_FILE = "best.safetensors"


def step_folder(steps: str | Path, step: int) -> Path:
    """Where the Trainer saves a step."""
    return Path(steps) / f"checkpoint-{step}"


def last_step(output: Path) -> str | None:
    """The newest whole step of an earlier run; None if it had not finished an epoch.

    A kill while a step is written leaves a part of one, which is deleted here.
    """
    steps = sorted((output / STEPS_FOLDER).glob("checkpoint-*"), key=lambda step: int(step.name.split("-")[1]))
    while steps and not (steps[-1] / EMA_FILE).exists():
        shutil.rmtree(steps.pop())
    return str(steps[-1]) if steps else None
