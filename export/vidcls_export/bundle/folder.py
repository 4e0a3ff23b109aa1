"""The folder: written whole or not at all, with the hashes of what is in it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from vidcls.contract import ModelContract
from vidcls.errors import ArgumentError
from vidcls.files.atomic import whole_folder
from vidcls.region import Region
from vidcls_export.bundle.card import card_text
from vidcls_export.bundle.licence import licence_text
from vidcls_export.bundle.running import requirements_text, run_text

MODEL_FILE, SUMS_FILE = "model.onnx", "SHA256SUMS"


def check_free(folder: Path, *, others: Iterable[Path | None] = ()) -> None:
    """Refuse a folder that holds something already, or will, before an export is put into the work.

    Args:
        folder: for the bundle. others: what else will be written; None is nothing.

    Raises:
        ArgumentError: it does, or is a file, or the place at which a disk is mounted, which no other folder can take.
    """
    if os.path.ismount(folder.resolve()):
        raise ArgumentError(f"{folder}: a disk is mounted there; name a new folder inside it for the bundle")
    for other in others:
        if other is not None and folder.resolve() in (other.resolve(), *other.resolve().parents):
            raise ArgumentError(f"{folder}: {other} would be written into it; name a folder for the bundle alone")
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        what = "is not empty" if folder.is_dir() else "is no folder"
        raise ArgumentError(f"{folder}: {what}; name a new folder for the bundle")


def write_bundle(model: Path, contract: ModelContract, folder: Path, *, name: str, region: Region | None) -> Path:
    """Write a folder that someone else can run a model from, and judge it by.

    Args:
        model: the exported ONNX file; it is copied.
        contract: what it carries.
        folder: a new or an empty one, or a link to an empty one.
        name: what the card calls the model.
        region: that the clips were cut to which the model was checked on; as for `predict`. None for all of a picture.

    Returns:
        The folder: model.onnx, README.md (its card), LICENSE.txt, labels.txt, requirements.txt, run.py, SHA256SUMS.

    Raises:
        ArgumentError: the folder holds something already.
        OSError: it cannot be written; nothing is left behind.
    """
    check_free(folder)
    texts = {
        "README.md": card_text(contract, name=name, region=region, megabytes=model.stat().st_size / 1e6),
        "LICENSE.txt": licence_text(contract.source),
        "labels.txt": "".join(f"{label}\n" for label in contract.labels),
        "requirements.txt": requirements_text(),
        "run.py": run_text(region),
    }
    with whole_folder(folder) as scratch:
        shutil.copyfile(model, scratch / MODEL_FILE)
        for file, text in texts.items():
            (scratch / file).write_bytes(text.encode())
        (scratch / SUMS_FILE).write_bytes(_sums(scratch).encode())
    return folder


def _sums(folder: Path) -> str:
    """As `sha256sum -c` reads it."""
    lines = []
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return "".join(lines)
