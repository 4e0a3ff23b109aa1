"""Events that were marked wrong: their clips, in the folders that vidcls-train learns from."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from vidcls.errors import ArgumentError, VidclsError
from vidcls.files.atomic import make_folder, whole_file
from vidcls.watch.clip_names import clip_time
from vidcls.watch.event import CameraEvent

# The folder of clips that show none of the labels, as vidcls-train takes it.
NONE_FOLDER = "_none"

# What Windows allows in no name, nor at a name's end, and whom it takes for a device.
_FORBIDDEN = frozenset('<>:"/\\|?*')
_ENDS = (".", " ")
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{kind}{digit}" for kind in ("com", "lpt") for digit in range(10))]
)
_LONGEST_BYTES = 255


def mark(event: CameraEvent, *, label: str | None, clips: Path, feedback: Path) -> Path:
    """Copy the clip of an event that was not what it was taken for into the folder of what it was: the copy's path.

    Marked again, it is moved there; marked the same again, it stays. So the folder holds each clip once, and stays as
    vidcls-train takes it, beside whatever else is in it.

    Args:
        event: final, with a clip.
        label: what it was; None where it was none of the labels, which is the folder "_none".
        clips: the folder of clips.
        feedback: the folder of marked ones, with one folder for each label; made where it is missing.

    Raises:
        ValueError: the label cannot be a folder's name.
        VidclsError: the event has no clip, not yet or no longer, or it cannot be copied.
    """
    folder = feedback / _folder_name(label)
    name = event.clip
    if name is None or clip_time(name) is None:
        raise VidclsError(f"the event {event.id} has no clip, so there is nothing to learn from")
    target = folder / name
    try:
        copies = list(_copies(feedback, name))
        if target not in copies:
            make_folder(folder)
            _put(copies[0] if copies else clips / name, target)
        for copy in copies:
            if copy != target:
                copy.unlink(missing_ok=True)
    except FileNotFoundError:
        text = f"{clips / name}: there is no such clip, not yet or no longer; try again in a minute"
        raise VidclsError(text) from None
    except OSError as error:
        raise VidclsError(f"{target}: the clip cannot be copied there ({error.strerror})") from error
    return target


def _folder_name(label: str | None) -> str:
    """The label, which is the folder's name: vidcls-train reads it there."""
    if label is None:
        return NONE_FOLDER
    problem = _why_no_folder(label)
    if problem is not None:
        raise ArgumentError(f"the label '{label}' {problem}; copy the clip yourself, and name its label in a CSV")
    return label


def _why_no_folder(label: str) -> str | None:
    """Why no folder of that name can be on every system; None where it can."""
    if not label:
        return "is empty"
    if label.startswith("."):
        return "begins with a dot, as hidden files do"
    if label.endswith(_ENDS):
        return "ends with a dot or a space, which Windows leaves out"
    if any(letter in _FORBIDDEN or unicodedata.category(letter) in ("Cc", "Cs") for letter in label):
        return "holds a character that folders may not have everywhere"
    if label.partition(".")[0].lower() in _DEVICES:
        return "is a device's name on Windows"
    return "is too long for a folder's name" if len(label.encode()) > _LONGEST_BYTES else None


def _copies(feedback: Path, name: str) -> Iterator[Path]:
    """Where in the labels' folders the clip is already."""
    if feedback.is_dir():
        with os.scandir(feedback) as entries:
            folders = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        yield from (folder / name for folder in folders if (folder / name).is_file())


def _put(source: Path, target: Path) -> None:
    with whole_file(target) as part:
        shutil.copyfile(source, part)
