"""Where a run's steps are saved, what each of them holds, and which one a run goes on from."""

from __future__ import annotations

import json
import logging
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from vidcls.files.atomic import remove_whole
from vidcls.printable import printable
from vidcls_train.config.settings import DamagedRunError
from vidcls_train.trainer.selection import best_row

_logger = logging.getLogger("vidcls.train")

# The Trainer's own checkpoints, for --resume; the finished checkpoint lies beside this folder.
STEPS_FOLDER = "checkpoints"

# Of a step's files, the one written last, under another name first: where it is, the step is whole.
# (Runs that were begun when the EMA was called so go on.)
EMA_FILE = "average.safetensors"

# Beside the steps: the EMA of the epoch that is kept.
BEST_FILE = "best.safetensors"

# The Trainer's own, in a step: how far the run had got, and its history.
STATE_FILE = "trainer_state.json"
# Without one of these the Trainer would go on all the same, from another state than the step's.
_NEEDED = (EMA_FILE, "model.safetensors", "optimizer.pt", "rng_state*.pth", "scheduler.pt", STATE_FILE)

_STEP = re.compile(r"checkpoint-(\d+)")


class _DamagedFileError(Exception):
    """What is wrong with a file."""


def step_folder(steps: str | Path, step: int) -> Path:
    """Where the Trainer saves a step."""
    return Path(steps) / f"checkpoint-{step}"


def last_step(output: Path) -> str | None:
    """The newest whole step of an earlier run; None if it had not finished an epoch.

    A kill while a step is written leaves a part of one, which is deleted here.
    """
    steps = _steps(output)
    while steps and not (steps[-1] / EMA_FILE).exists():
        partial = steps.pop()
        goal = steps[-1].name if steps else "the beginning"
        _logger.info("%s was not written to its end; it is removed, and the run goes on from %s", partial, goal)
        shutil.rmtree(partial)
    return str(steps[-1]) if steps else None


def remove_steps(output: Path) -> None:
    """Remove all steps of a run that is complete."""
    if (output / STEPS_FOLDER).is_dir():
        remove_whole(output / STEPS_FOLDER)


def check_step(step: Path) -> None:
    """Read all files of a whole step, and the EMA of the epoch that is kept, as far as shows that they are whole.

    Raises:
        DamagedRunError: one is missing, cut off or changed; names it and what to do.
    """
    before = [folder for folder in _steps(step.parent.parent) if _number(folder) < _number(step)]
    remedy = f"remove {step} and --resume goes on from {before[-1].name}" if before else "begin anew in another folder"
    for name in _NEEDED:
        if not any(step.glob(name)):
            raise DamagedRunError(f"{step / name}: is missing; {remedy}")
    for file in sorted(step.iterdir()):
        try:
            _check_file(file, step)
        except _DamagedFileError as error:
            raise DamagedRunError(f"{file}: is damaged ({error}); {remedy}") from None
    best = step.parent / BEST_FILE
    try:
        if best_row(_read_json(step / STATE_FILE)["log_history"]) is not None:
            _check_tensors(best)
    except _DamagedFileError as error:
        raise DamagedRunError(
            f"{best}: is damaged ({error}); copy {step / EMA_FILE} in its place to keep this epoch's weights instead, "
            "or begin anew in another folder"
        ) from None


def _steps(output: Path) -> list[Path]:
    """The folders of a run's steps, the newest last."""
    found = (output / STEPS_FOLDER).glob("checkpoint-*")
    return sorted((step for step in found if _STEP.fullmatch(step.name)), key=_number)


def _number(step: Path) -> int:
    return int(step.name.rpartition("-")[2])


def _check_file(file: Path, step: Path) -> None:
    if file.suffix == ".safetensors":
        _check_tensors(file)
    elif file.suffix == ".json":
        fields = _read_json(file)
        if file.name == STATE_FILE and (
            fields.get("global_step") != _number(step) or not isinstance(fields.get("log_history"), list)
        ):
            raise _DamagedFileError("it is not this step's")
    elif file.suffix in (".bin", ".pt", ".pth"):
        _check_archive(file)


def _check_tensors(file: Path) -> None:
    try:
        with safe_open(file, framework="numpy"):  # its header has to fit its length
            return
    except (OSError, SafetensorError) as error:
        raise _DamagedFileError(printable(str(error))) from None


def _check_archive(file: Path) -> None:
    """What torch.save wrote: a zip with a checksum of each part."""
    try:
        with zipfile.ZipFile(file) as archive:
            wrong = archive.testzip()
    except (OSError, EOFError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise _DamagedFileError(printable(str(error))) from None
    if wrong is not None:
        raise _DamagedFileError(f"{printable(wrong)} in it does not fit its checksum")


def _read_json(file: Path) -> dict[str, Any]:
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _DamagedFileError(printable(str(error))) from None
    if not isinstance(fields, dict):
        raise _DamagedFileError(f"it holds a {type(fields).__name__}, expected an object")
    return fields
