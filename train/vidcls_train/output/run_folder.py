"""A run's folder: whether it is free, or holds a run that may go on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vidcls.errors import ArgumentError
from vidcls.files.atomic import is_unfinished, remove_abandoned
from vidcls.files.run_status import SETTINGS_FILE
from vidcls_train.audit.wording import REPORT_NAME
from vidcls_train.config.settings import Config, began_with_pretraining, check_same_run
from vidcls_train.trainer.steps import check_step, last_step


def check_output(config: Config) -> None:
    """Raise a ValueError where the output folder is taken, or holds no run to resume."""
    output = config.run.output
    if config.run.resume:
        if not (output / SETTINGS_FILE).exists():
            raise ArgumentError(f"{output}: holds no run to resume; start one without --resume")
    elif output.exists() and (not output.is_dir() or any(map(_is_anothers, output.iterdir()))):
        raise ArgumentError(f"{output}: exists and is not empty; name a new folder, or go on with its run by --resume")


def _is_anothers(path: Path) -> bool:
    """Whether it is anything but the report on the data that --check-only leaves, or what a killed writer left."""
    return path.stem != REPORT_NAME and not is_unfinished(path.name)


def check_writable(folder: Path) -> None:
    """Try to make a folder and a file in it, and remove them again.

    Raises:
        ValueError: that fails; says what is in the way.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        blocking = next((path for path in folder.parents if path.is_file()), None)
        why = f"'{blocking}' is a file" if blocking else f"{error.strerror}"
        raise ArgumentError(f"{folder}: cannot be made or written to ({why}); name another folder") from error
    finally:
        for path in missing:
            with suppress(OSError):  # not made
                path.rmdir()


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
