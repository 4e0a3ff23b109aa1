"""What the user named as DATA -> labelled videos: a folder, a CSV, an archive, or a file on the hub.

A CSV of the user's own may name videos anywhere on this machine, as a command line may. One that came in an archive or
from the hub is somebody else's: it may name only what lies beside it. What either names is opened as a video, never as
another list or a URL.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from vidcls.huggingface.hub_names import hub_problem
from vidcls.printable import printable
from vidcls.progress import Track, untracked
from vidcls_train.config.groups import DEFAULT_CLIP_SECONDS
from vidcls_train.data.archives import check_unpacked, is_archive, unpack
from vidcls_train.data.background import with_background
from vidcls_train.data.clip_list import ClipList, DataError
from vidcls_train.data.listing import HUB_PREFIX, check_kind, check_label_count, check_learnable, list_clips


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
        unpack_to: folder for an archive's files. One that is there has them already, of a run that goes on.
        clip_seconds: length of the model's window. Where DATA names stretches of videos, what it leaves of them becomes
            clips that show none of the labels, no shorter than that; see `background`.
        seed: of the choice among these.
        track: shows the progress.

    Raises:
        DataError: nothing to train on; says what was found and what was expected.
    """
    path = _local_path(data, unpack_to=unpack_to)
    found = list_clips(path, data=data)
    if path != Path(data):
        _check_lies_within(found, path if path.is_dir() else path.parent, data=data)
    if any(clip.stretch for clip in found.clips):
        found = with_background(found, clip_seconds=clip_seconds, seed=seed, track=track)
    check_learnable(found, data=data)
    check_label_count(found.labels, data=data)
    return dataclasses.replace(found, name=data)


def _check_lies_within(found: ClipList, folder: Path, *, data: str) -> None:
    root = os.path.abspath(folder)  # noqa: PTH100 - without links: there are none in an archive, and on the hub all are
    for clip in found.clips:
        if not Path(os.path.abspath(clip.path)).is_relative_to(root):  # noqa: PTH100
            raise DataError(
                f"{data}: its list names '{printable(str(clip.path))}', which is not in it; pack the videos with the "
                "list, and name them relative to it"
            )


def _local_path(data: str, *, unpack_to: Path) -> Path:
    path = _download(data.removeprefix(HUB_PREFIX)) if data.startswith(HUB_PREFIX) else Path(data)
    check_kind(path, data=data)
    if path.is_file() and is_archive(path):
        try:
            (check_unpacked if unpack_to.exists() else unpack)(path, unpack_to)
        except ValueError as error:
            raise DataError(str(error)) from error
        path = unpack_to
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
