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

# Beside the steps: the EMA of each epoch that a step's history keeps, named by that epoch's step.
_BEST = re.compile(r"best(-\d+)?\.safetensors")
# (Runs that were begun when there was one for all of them go on with it.)
_ONE_FOR_ALL = "best.safetensors"

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


def best_file(steps: str | Path, step: int) -> Path:
    """Where the EMA of a step is saved whose epoch is kept."""
    return Path(steps) / f"best-{step}.safetensors"


def kept_ema(steps: str | Path, step: int) -> Path:
    """The file with the EMA of a step whose epoch is kept, by `best_row`: never that of another epoch.

    Its own where none is named by it, as of runs that had one file for whichever epoch was the best so far.
    """
    places = (best_file(steps, step), step_folder(steps, step) / EMA_FILE, Path(steps) / _ONE_FOR_ALL)
    return next((file for file in places if file.exists()), places[0])


def remove_other_best(steps: str | Path) -> None:
    """Remove the EMAs of epochs that no step's history keeps any more; none where one of these cannot be read."""
    folders = _steps_in(Path(steps))
    try:
        best = [best_row(_read_json(folder / STATE_FILE)["log_history"]) for folder in folders]
    except (_DamagedFileError, LookupError):
        return
    needed = {kept_ema(steps, row["step"]) for row in best if row is not None}
    for file in Path(steps).iterdir():
        if _BEST.fullmatch(file.name) and file not in needed:
            file.unlink()


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
    best = best_row(_read_json(step / STATE_FILE)["log_history"])
    if best is not None:
        _check_best(step, best["step"])


def _check_best(step: Path, best_step: int) -> None:
    best, same = kept_ema(step.parent, best_step), step_folder(step.parent, best_step) / EMA_FILE
    try:
        _check_tensors(best)
    except _DamagedFileError as error:
        remedy = (
            f"remove it, and --resume takes the same weights from {same}"
            if same.exists()
            else f"copy {step / EMA_FILE} in its place to keep this epoch's weights instead, under that one's number, "
            "or begin anew in another folder"
        )
        raise DamagedRunError(f"{best}: is damaged ({error}); {remedy}") from None


def _steps(output: Path) -> list[Path]:
    """The folders of a run's steps, the newest last."""
    return _steps_in(output / STEPS_FOLDER)


def _steps_in(steps: Path) -> list[Path]:
    found = steps.glob("checkpoint-*")
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
