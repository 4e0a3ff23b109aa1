"""What the user named as DATA -> labelled videos in train, val and test."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from sklearn.model_selection import StratifiedGroupKFold

from vidcls.errors import VidclsError
from vidcls.folders import label_folders
from vidcls_train.archives import is_archive, unpack

SPLITS = ("train", "val", "test")
HUB_PREFIX = "hf:"

# UCF101 names its clips v_<Label>_g<group>_c<clip>.avi; clips of one group share their footage.
_UCF_GROUP = re.compile(r"_g(\d+)_")


class DataError(VidclsError):
    """DATA is not a data set that can be trained on."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One labelled video file. `group` names footage that must not be torn across splits."""

    path: Path
    label: str
    group: str


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Labelled videos. labels: the union of the splits' labels, sorted; the index is the class id."""

    labels: tuple[str, ...]
    train: list[Clip]
    val: list[Clip]
    test: list[Clip]


def find_splits(data: str, *, unpack_to: Path, val_fraction: float, seed: int) -> Splits:
    """Find the labelled videos of DATA.

    Args:
        data: a folder with train/, val/ and test/ of one folder per label; a folder with one folder
            per label; a CSV path,label[,group][,split]; a .tar.gz or .zip of one of these; or
            hf:OWNER/DATASET/FILE on the hub.
        unpack_to: folder for an archive's files.
        val_fraction: share of the videos for validation, and again for test, where DATA has no
            splits; videos of one group stay together.
        seed: of that split.

    Raises:
        DataError: nothing to train on; says what was found and what was expected.
    """
    path = _local_path(data, unpack_to=unpack_to)
    if path.is_file() and path.suffix.lower() == ".csv":
        clips, split_names = _read_csv(path)
    else:
        clips, split_names = _read_folder(path)
    if not clips:
        raise DataError(f"{data}: holds no videos; expected one folder of videos per label")
    labels = tuple(sorted({clip.label for clip in clips}))
    if len(labels) < 2:
        raise DataError(f"{data}: holds only the label '{labels[0]}'; a classifier needs at least two")
    if split_names is None:
        split_names = _split_by_group(clips, val_fraction=val_fraction, seed=seed)
    by_split = {
        split: [clip for clip, name in zip(clips, split_names, strict=True) if name == split] for split in SPLITS
    }
    for split in ("train", "val"):
        if not by_split[split]:
            raise DataError(f"{data}: holds no videos for '{split}'; training needs 'train' and 'val'")
    return Splits(labels=labels, train=by_split["train"], val=by_split["val"], test=by_split["test"])


def _local_path(data: str, *, unpack_to: Path) -> Path:
    path = _download(data.removeprefix(HUB_PREFIX)) if data.startswith(HUB_PREFIX) else Path(data)
    if not path.exists():
        raise DataError(f"{data}: there is no such file or folder")
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
    if not (owner and dataset and file):
        raise DataError(f"{HUB_PREFIX}{name}: expected hf:OWNER/DATASET/FILE.tar.gz")
    try:
        return Path(hf_hub_download(f"{owner}/{dataset}", file, repo_type="dataset"))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise DataError(
            f"{HUB_PREFIX}{name}: cannot be fetched from the hub ({str(error).splitlines()[0]}); "
            "check the name, the network and your token ('hf auth login')"
        ) from error


def _group_of(path: Path) -> str:
    match = _UCF_GROUP.search(path.name)
    return f"g{match[1]}" if match else str(path)


def _read_folder(folder: Path) -> tuple[list[Clip], list[str] | None]:
    children = [child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith(".")]
    tables = sorted(folder.glob("*.csv"))
    if not children and len(tables) == 1:
        return _read_csv(tables[0])
    # An archive usually holds its data in one top folder.
    if len(children) == 1 and children[0].name not in SPLITS and any(child.is_dir() for child in children[0].iterdir()):
        return _read_folder(children[0])
    if any(child.name in SPLITS for child in children):
        strange = [child.name for child in children if child.name not in SPLITS]
        if strange:
            raise DataError(f"{folder}: holds '{strange[0]}' beside train/, val/ and test/; expected only these three")
        found = [(clip, child.name) for child in children for clip in _clips(child)]
        return [clip for clip, _ in found], [split for _, split in found]
    return _clips(folder), None


def _clips(folder: Path) -> list[Clip]:
    return [
        Clip(path=path, label=label, group=f"{label}/{_group_of(path)}")
        for label, paths in label_folders(folder).items()
        for path in paths
    ]


def _read_csv(table: Path) -> tuple[list[Clip], list[str] | None]:
    """Rows path,label[,group][,split]; paths are relative to the CSV's folder."""
    with table.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = set(reader.fieldnames or [])
        if not {"path", "label"} <= columns <= {"path", "label", "group", "split"}:
            raise DataError(f"{table}: its columns are {sorted(columns)}, expected path,label[,group][,split]")
        rows = list(reader)
    for number, row in enumerate(rows, start=2):
        if None in row or not row["path"] or not row["label"]:
            raise DataError(f"{table}: line {number} is not of the form {','.join(reader.fieldnames or [])}")
        if "split" in row and row["split"] not in SPLITS:
            raise DataError(f"{table}: line {number} has split '{row['split']}', expected train, val or test")
    paths = [table.parent / row["path"] for row in rows]
    clips = [
        Clip(path=path, label=row["label"], group=row.get("group") or f"{row['label']}/{_group_of(path)}")
        for path, row in zip(paths, rows, strict=True)
    ]
    return clips, [row["split"] for row in rows] if "split" in columns else None


def _split_by_group(clips: list[Clip], *, val_fraction: float, seed: int) -> list[str]:
    """A split name per clip: groups stay whole, labels keep their shares as well as groups allow."""
    folds = max(3, round(1 / val_fraction))
    groups = [clip.group for clip in clips]
    if len(set(groups)) < folds:
        raise DataError(
            f"the data has {len(set(groups))} groups of footage, too few to set aside {val_fraction:.0%} for "
            "validation and for test; give more clips, a larger --val-fraction, or folders train/, val/ and test/"
        )
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    names = ["train"] * len(clips)
    parts = splitter.split(clips, [clip.label for clip in clips], groups)
    for split, (_, held_out) in zip(("val", "test"), parts, strict=False):
        for index in held_out:
            names[index] = split
    return names
