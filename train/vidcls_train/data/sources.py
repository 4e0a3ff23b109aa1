"""What the user named as DATA -> labelled videos: a folder, a CSV, an archive, or a file on the hub.

A CSV of the user's own may name videos anywhere on this machine, as a command line may. One that came in an archive or
from the hub is somebody else's: it may name only what lies beside it. What either names is opened as a video, never as
another list or a URL.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from vidcls.contract import LABEL, LABELS
from vidcls.files.kinds import why_no_file
from vidcls.printable import printable
from vidcls.progress import Track, untracked
from vidcls.schema import shown
from vidcls_train.config.groups import DEFAULT_CLIP_SECONDS
from vidcls_train.data.archives import is_archive, unpack
from vidcls_train.data.background import with_background
from vidcls_train.data.clip_list import MULTI_LABEL, NONE_LABEL, ClipList, DataError
from vidcls_train.data.csv_source import read_csv
from vidcls_train.data.folder_source import read_folder
from vidcls_train.data.hub_problem import hub_problem

HUB_PREFIX = "hf:"


def find_clips(
    data: str,
    *,
    unpack_to: Path,
    clip_seconds: float = DEFAULT_CLIP_SECONDS,
    seed: int = 0,
    track: Track = untracked,
) -> ClipList:
    """Find the labelled videos of DATA.

    Args:
        data: a folder with train/, val/ and test/ of one folder per label; a folder with one folder
            per label; a CSV path,label[,group][,split], or with other columns, see `csv_source`; a .tar.gz or .zip of
            one of these; or hf:OWNER/DATASET/FILE on the hub. A folder `_none`, or that label, is for videos that show
            none of the others.
        unpack_to: folder for an archive's files.
        clip_seconds: length of the model's window. Where DATA names stretches of videos, what it leaves of them becomes
            clips that show none of the labels, no shorter than that; see `background`.
        seed: of the choice among these.
        track: shows the progress.

    Raises:
        DataError: nothing to train on; says what was found and what was expected.
    """
    path = _local_path(data, unpack_to=unpack_to)
    found = read_csv(path) if path.is_file() else read_folder(path)
    if path != Path(data):
        _check_lies_within(found, path if path.is_dir() else path.parent, data=data)
    if not found.clips:
        raise DataError(f"{data}: holds no videos; expected one folder of videos per label")
    if any(clip.stretch for clip in found.clips):
        found = with_background(found, clip_seconds=clip_seconds, seed=seed, track=track)
    _check_learnable(found, data=data)
    _check_labels(found.labels, data=data)
    return dataclasses.replace(found, name=data)


def _check_lies_within(found: ClipList, folder: Path, *, data: str) -> None:
    root = os.path.abspath(folder)  # noqa: PTH100 - without links: there are none in an archive, and on the hub all are
    for clip in found.clips:
        if not Path(os.path.abspath(clip.path)).is_relative_to(root):  # noqa: PTH100
            raise DataError(
                f"{data}: its list names '{printable(str(clip.path))}', which is not in it; pack the videos with the "
                "list, and name them relative to it"
            )


def _check_learnable(found: ClipList, *, data: str) -> None:
    """One class by itself learns nothing: a label needs another one, or clips that show none."""
    labels = [label for label in found.labels if label != NONE_LABEL]
    by_column = found.problem_type == MULTI_LABEL
    if not labels:
        what = "rows of videos that show some" if by_column else "one folder of videos per label"
        raise DataError(f"{data}: holds only videos that show none of the labels; add {what}")
    if len(labels) == 1 and all(clip.labels == (labels[0],) for clip in found.clips):
        what = "rows with nothing in 'labels'" if by_column else f"a folder '{NONE_LABEL}'"
        if any(clip.stretch for clip in found.clips):
            what = "time that no row covers, at least a clip's length,"
        raise DataError(
            f"{data}: holds only the label '{labels[0]}', and a class by itself learns nothing; add another label, or "
            f"{what} for videos that show none of the labels"
        )


def _check_labels(labels: Sequence[object], *, data: str) -> None:
    """What no contract could hold is better said before the training than after it."""
    if len(labels) > LABELS.high:
        raise DataError(f"{data}: holds {len(labels):,} labels, expected {LABELS.expected}")
    for label in labels:
        if label not in LABEL:
            raise DataError(f"{data}: holds the label {shown(label)}, expected {LABEL.expected}; rename it")


def _local_path(data: str, *, unpack_to: Path) -> Path:
    path = _download(data.removeprefix(HUB_PREFIX)) if data.startswith(HUB_PREFIX) else Path(data)
    if not path.exists():
        raise DataError(f"{data}: there is no such file or folder")
    problem = None if path.is_dir() else why_no_file(path)
    if problem is not None:  # a named pipe would be waited for
        raise DataError(f"{data}: {problem} or a folder")
    if path.is_file() and is_archive(path):
        try:
            unpack(path, unpack_to)
        except ValueError as error:
            raise DataError(str(error)) from error
        path = unpack_to
    elif path.is_file() and path.suffix.lower() != ".csv":
        raise DataError(f"{data}: is a file, expected a folder, a .csv, a .tar.gz or a .zip")
    return path


def _download(name: str) -> Path:
    owner, dataset, file = [*name.split("/", 2), "", ""][:3]
    if not (owner and dataset and is_archive(Path(file))):
        raise DataError(f"{HUB_PREFIX}{name}: expected hf:OWNER/DATASET/FILE.tar.gz, or a .zip")
    try:
        return Path(hf_hub_download(f"{owner}/{dataset}", file, repo_type="dataset"))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise DataError(
            f"{HUB_PREFIX}{name}: cannot be fetched from the hub ({hub_problem(error)}); "
            "check the name, the network and your token ('hf auth login')"
        ) from error
