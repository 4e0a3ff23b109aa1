"""A run's folder: whether it is free, or holds a run that may go on."""

from __future__ import annotations

from vidcls.errors import ArgumentError
from vidcls_train.config.settings import SETTINGS_FILE, Config, began_with_pretraining, check_same_run
from vidcls_train.trainer.steps import last_step


def check_output(config: Config) -> None:
    """Raise a ValueError where the output folder is taken, or holds no run to resume."""
    output = config.run.output
    if config.run.resume:
        if not (output / SETTINGS_FILE).exists():
            raise ArgumentError(f"{output}: holds no run to resume; start one without --resume")
    elif output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ArgumentError(f"{output}: exists and is not empty; name a new folder, or go on with its run by --resume")


def check_resume(config: Config) -> None:
    """Raise a ValueError where the run in the output folder cannot go on with these settings."""
    check_same_run(config)
    output = config.run.output
    if began_with_pretraining(output) and last_step(output) is None:
        raise ArgumentError(
            f"{output}: was stopped before its first epoch, after or in a masked pretraining that vidcls-train no "
            "longer does; begin anew, with 'vidcls-pretrain' and its folder as --base"
        )
