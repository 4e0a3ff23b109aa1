"""A run whose training is over and whose steps are removed: --resume scores it and decides anew, without training."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from vidcls.contract import read_checkpoint
from vidcls.files.run_status import METRICS_FILE, mark_complete
from vidcls_train.config.settings import Config, DamagedRunError
from vidcls_train.output.run_folder import check_resume
from vidcls_train.trainer.steps import last_step, remove_steps

_WEIGHTS_FILE = "model.safetensors"


def finished_training(config: Config) -> dict[str, Any] | None:
    """What metrics.json says of the training of a run to resume that is over; None of a run that goes on, or begins.

    Raises:
        ValueError: the run in the output folder was begun with other settings.
        DamagedRunError: a file of it is damaged or missing; names it and what to do.
        ModelError: the contract of a run that is over cannot be read.
    """
    if not config.run.resume:
        return None
    check_resume(config)
    metrics = finished_metrics(config.run.output)
    if metrics is None:
        return None
    _check_weights(config.run.output)
    done: dict[str, Any] = metrics["train"]
    return done


def finished_metrics(output: Path) -> dict[str, Any] | None:
    """What metrics.json holds of a run that has no step left to go on from; None of one that has not got so far.

    Raises:
        DamagedRunError: it cannot be read.
    """
    file = output / METRICS_FILE
    if last_step(output) is not None or not file.is_file() or not (output / _WEIGHTS_FILE).is_file():
        return None
    try:
        metrics: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedRunError(
            f"{file}: is damaged ({error}); copy it from a backup, or begin anew in another folder"
        ) from None
    return metrics


def _check_weights(output: Path) -> None:
    """Raise a DamagedRunError where the weights of a finished run are not those that its contract was written for."""
    with (output / _WEIGHTS_FILE).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != read_checkpoint(output).source.checkpoint_sha256:
        raise DamagedRunError(
            f"{output / _WEIGHTS_FILE}: is not the file that the run has written; copy it from a backup, or begin anew "
            "in another folder"
        )


def complete(config: Config) -> None:
    """Say that a run is complete, and remove its steps unless it is to keep them."""
    mark_complete(config.run.output)
    if not config.run.keep_steps:
        remove_steps(config.run.output)
