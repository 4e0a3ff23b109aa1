"""A run's folder: whether it is free, or holds a run that may go on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vidcls.errors import ArgumentError
from vidcls.files.atomic import is_unfinished, remove_abandoned
from vidcls.files.run_status import SETTINGS_FILE, STATUS_FILE, is_not_begun, mark_unfinished
from vidcls_train.audit.wording import REPORT_NAME
from vidcls_train.config.settings import Config, began_with_pretraining, check_same_run
from vidcls_train.trainer.steps import check_step, last_step

# The files of DATA, if it is an archive, and what there is of them while it is unpacked.
UNPACKED_FOLDER = "data"
_UNPACKED = {UNPACKED_FOLDER, f"{UNPACKED_FOLDER}.partial"}


def check_output(config: Config) -> None:
    """Raise a ValueError where the output folder is taken, or holds no run to resume."""
    output = config.run.output
    if config.run.resume:
        if not (output / SETTINGS_FILE).exists():
            raise ArgumentError(f"{output}: holds no run to resume; start one without --resume")
    elif output.exists() and (not output.is_dir() or _holds_more(output)):
        raise ArgumentError(f"{output}: exists and is not empty; name a new folder, or go on with its run by --resume")


def _holds_more(output: Path) -> bool:
    """Whether there is anything but the report on the data that --check-only leaves, and what killed ones left.

    A folder called `data` is the user's own, unless a run of ours was to begin here and has not come to its settings.
    """
    names = {path.name for path in output.iterdir() if path.stem != REPORT_NAME and not is_unfinished(path.name)}
    return bool(names - {STATUS_FILE, *_UNPACKED} if is_not_begun(output) else names)


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
def beginning(output: Path) -> Iterator[None]:
    """Mark a free output folder as one of ours until its run has begun, which is to happen within.

    Where that fails, what was put there is removed; where it is killed, the mark says whose it is: the next try finds
    its output folder free. The folder of a run that goes on loses nothing but what is unpacked to it within.
    """
    missing = [path for path in (output, *output.parents) if not path.exists()]
    goes_on = (output / SETTINGS_FILE).exists()
    if not goes_on:
        output.mkdir(parents=True, exist_ok=True)
        mark_unfinished(output)
    had_clips = goes_on and (output / UNPACKED_FOLDER).exists()
    try:
        yield
    except BaseException:
        if not had_clips:
            shutil.rmtree(output / UNPACKED_FOLDER, ignore_errors=True)
        if is_not_begun(output):
            (output / STATUS_FILE).unlink()
        for path in missing:
            with suppress(OSError):  # not empty
                path.rmdir()
        raise
