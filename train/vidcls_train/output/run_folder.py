"""A run's folder: whether it is free, or holds a run that may go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vidcls.errors import ArgumentError
from vidcls.files.atomic import remove_abandoned
from vidcls_train.config.settings import SETTINGS_FILE, Config, began_with_pretraining, check_same_run
from vidcls_train.trainer.steps import check_step, last_step


def check_output(config: Config) -> None:
    """Raise a ValueError where the output folder is taken, or holds no run to resume."""
    output = config.run.output
    if config.run.resume:
        if not (output / SETTINGS_FILE).exists():
            raise ArgumentError(f"{output}: holds no run to resume; start one without --resume")
    elif output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ArgumentError(f"{output}: exists and is not empty; name a new folder, or go on with its run by --resume")


def check_resume(config: Config) -> None:
    """Refuse what cannot go on.

    Raises:
        ValueError: the run in the output folder was begun with other settings.
        DamagedRunError: a file of it is damaged or missing; names it and what to do.
    """
    check_same_run(config)
    output = config.run.output
    remove_abandoned(output)
    step = last_step(output)
    if step is not None:
        check_step(Path(step))
    elif began_with_pretraining(output):
        raise ArgumentError(
            f"{output}: was stopped before its first epoch, after or in a masked pretraining that vidcls-train no "
            "longer does; begin anew, with 'vidcls-pretrain' and its folder as --base"
        )


@contextmanager
def discarded_on_failure(folder: Path) -> Iterator[None]:
    """Remove `folder` if it is made here and what follows fails: the next try is to find its output folder free."""
    existed = folder.exists()
    try:
        yield
    except BaseException:
        if not existed:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # not empty, or not there
                folder.parent.rmdir()
        raise
