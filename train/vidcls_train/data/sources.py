"""What the user named as DATA -> labelled videos in train, val and test."""

from __future__ import annotations

import csv
import dataclasses
import re
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from sklearn.model_selection import StratifiedGroupKFold

from vidcls.errors import VidclsError
from vidcls.video.folders import label_folders
from vidcls_train.data.archives import is_archive, unpack

SPLITS = ("train", "val", "test")
HUB_PREFIX = "hf:"

# What a split's folder may be called, in any case.
_SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}

# Names that are more likely a split's than a label's: training, testing, train_set, TestData, val2.
_LIKE_A_SPLIT = re.compile(r"(train|test|val|valid|validation)(ing)?[ ._-]?(set|data|split|videos|clips|\d+)?", re.I)

_CSV_FORM = "path,label[,group][,split]"

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
class Found:
    """What DATA holds.

    split_names: of every clip, in the clips' order; None where DATA has no splits.
    empty: (split, label) of folders without a video; the split is None where DATA has none.
    """

    name: str
    clips: list[Clip]
    split_names: list[str] | None
    empty: list[tuple[str | None, str]]

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the clips, sorted; the index is the class id."""
        return tuple(sorted({clip.label for clip in self.clips}))


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Labelled videos. labels: the union of the splits' labels, sorted; the index is the class id."""

    labels: tuple[str, ...]
    train: list[Clip]
    val: list[Clip]
    test: list[Clip]


def find_clips(data: str, *, unpack_to: Path) -> Found:
    """Find the labelled videos of DATA.

    Args:
        data: a folder with train/, val/ and test/ of one folder per label; a folder with one folder
            per label; a CSV path,label[,group][,split]; a .tar.gz or .zip of one of these; or
            hf:OWNER/DATASET/FILE on the hub.
        unpack_to: folder for an archive's files.

    Raises:
        DataError: nothing to train on; says what was found and what was expected.
    """
    path = _local_path(data, unpack_to=unpack_to)
    found = _read_csv(path) if path.is_file() else _read_folder(path)
    if not found.clips:
        raise DataError(f"{data}: holds no videos; expected one folder of videos per label")
    if len(found.labels) < 2:
        raise DataError(f"{data}: holds only the label '{found.labels[0]}'; a classifier needs at least two")
    return dataclasses.replace(found, name=data)


def split_clips(found: Found, *, val_fraction: float, seed: int) -> Splits:
    """The clips by split: as DATA has them, or split here so that clips of one group stay together.

    Args:
        val_fraction: share of the clips for validation, and again for test, where DATA has no splits.
        seed: of that split.

    Raises:
        DataError: too few clips or groups to split, or none in 'train' or 'val'.
    """
    split_names = found.split_names
    if split_names is None:
        split_names = _split_by_group(found.clips, val_fraction=val_fraction, seed=seed)
    by_split = {
        split: [clip for clip, name in zip(found.clips, split_names, strict=True) if name == split] for split in SPLITS
    }
    for split in ("train", "val"):
        if not by_split[split]:
            raise DataError(f"{found.name}: holds no videos for '{split}'; training needs 'train' and 'val'")
    return Splits(labels=found.labels, train=by_split["train"], val=by_split["val"], test=by_split["test"])


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


def _read_folder(folder: Path) -> Found:
    children = [child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith(".")]
    tables = _tables(folder)
    lists = [table for table in tables if _is_list(table)]
    if len(lists) == 1:
        return _read_csv(lists[0])
    if not children and len(tables) == 1:
        return _read_csv(tables[0])  # raises, and says which columns it has
    if len(children) == 1 and _is_top_folder(children[0]):
        return _read_folder(children[0])
    splits = {child: _SPLIT_FOLDERS.get(child.name.lower()) for child in children}
    if any(splits.values()):
        return _read_split_folders(folder, splits)
    for child in children:
        if _LIKE_A_SPLIT.fullmatch(child.name):
            raise DataError(
                f"{folder}: the folder '{child.name}' looks like a split, not a label; name the folders of splits "
                f"train/, val/ and test/, or, where it is a label, list the videos in a CSV {_CSV_FORM}"
            )
    clips, empty = _clips(folder)
    return Found(name=str(folder), clips=clips, split_names=None, empty=[(None, label) for label in empty])


def _is_top_folder(child: Path) -> bool:
    """Whether a folder's only folder is the one that an archive usually holds its data in."""
    if any(_is_list(table) for table in _tables(child)):
        return True
    return child.name.lower() not in _SPLIT_FOLDERS and any(path.is_dir() for path in child.iterdir())


def _read_split_folders(folder: Path, splits: dict[Path, str | None]) -> Found:
    clips: list[Clip] = []
    names: list[str] = []
    empty: list[tuple[str | None, str]] = []
    for child, split in splits.items():
        if split is None:
            raise DataError(f"{folder}: holds '{child.name}' beside train/, val/ and test/; expected only these three")
        found, without = _clips(child)
        clips += found
        names += [split] * len(found)
        empty += [(split, label) for label in without]
    return Found(name=str(folder), clips=clips, split_names=names, empty=empty)


def _clips(folder: Path) -> tuple[list[Clip], list[str]]:
    """The clips of a folder with one folder per label, and the labels whose folders hold none."""
    labels = label_folders(folder)
    _check_names(folder, labels)
    clips = [
        Clip(path=path, label=label, group=f"{label}/{_group_of(path)}")
        for label, paths in labels.items()
        for path in paths
    ]
    return clips, [label for label, paths in labels.items() if not paths]


def _check_names(folder: Path, labels: Iterable[str]) -> None:
    for label in labels:
        try:
            label.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{folder}: the name of the folder {label!a} is not UTF-8; rename it") from error


def _tables(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() == ".csv" and path.is_file() and not path.name.startswith(".")
    ]


def _is_list(table: Path) -> bool:
    """Whether the CSV's first line says that it lists videos. The rest may still be wrong."""
    with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        try:
            return _lists_videos(next(csv.reader(file), []))
        except csv.Error:
            return False


def _lists_videos(columns: Iterable[str]) -> bool:
    return {"path", "label"} <= set(columns) <= {"path", "label", "group", "split"}


def _rows(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            return list(reader.fieldnames or []), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: is not a CSV in UTF-8 ({error}); save it as one") from error


def _read_csv(table: Path) -> Found:
    """Rows path,label[,group][,split]; paths are relative to the CSV's folder."""
    columns, rows = _rows(table)
    if not _lists_videos(columns):
        raise DataError(f"{table}: its columns are {sorted(columns)}, expected {_CSV_FORM}")
    for number, row in enumerate(rows, start=2):
        if None in row or not row["path"] or not row["label"]:
            raise DataError(f"{table}: line {number} is not of the form {','.join(columns)}")
        if "split" in row and row["split"] not in SPLITS:
            raise DataError(f"{table}: line {number} has split '{row['split']}', expected train, val or test")
    paths = [table.parent / row["path"] for row in rows]
    clips = [
        Clip(path=path, label=row["label"], group=row.get("group") or f"{row['label']}/{_group_of(path)}")
        for path, row in zip(paths, rows, strict=True)
    ]
    split_names = [row["split"] for row in rows] if "split" in columns else None
    return Found(name=str(table), clips=clips, split_names=split_names, empty=[])


def _split_by_group(clips: list[Clip], *, val_fraction: float, seed: int) -> list[str]:
    """A split name per clip: groups stay whole, labels keep their shares as well as groups allow."""
    folds = max(3, round(1 / val_fraction))
    groups = [clip.group for clip in clips]
    if len(set(groups)) < folds:
        raise DataError(
            f"the data has {len(set(groups))} groups of footage, too few to set aside {val_fraction:.0%} for "
            "validation and for test; give more clips, a larger --val-fraction, or folders train/, val/ and test/"
        )
    _check_sizes(clips, folds=folds, val_fraction=val_fraction)
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    names = ["train"] * len(clips)
    with warnings.catch_warnings():
        # It warns of labels with fewer clips than folds; _check_sizes has the say on them.
        warnings.simplefilter("ignore", UserWarning)
        parts = list(splitter.split(clips, [clip.label for clip in clips], groups))
    for split, (_, held_out) in zip(("val", "test"), parts, strict=False):
        for index in held_out:
            names[index] = split
    return names


def _check_sizes(clips: list[Clip], *, folds: int, val_fraction: float) -> None:
    """Raise where a label cannot be in all three splits, or none has the clips that StratifiedGroupKFold wants."""
    sizes = Counter(clip.label for clip in clips)
    groups = Counter(label for label, _ in {(clip.label, clip.group) for clip in clips})
    label = min(sizes, key=lambda name: (groups[name], name))
    needed = folds if max(sizes.values()) < folds else len(SPLITS)
    if groups[label] < needed:
        larger = ", a larger --val-fraction" if needed > len(SPLITS) else ""
        raise DataError(
            f"the label '{label}' has {sizes[label]} clips in {groups[label]} groups of footage, too few to set aside "
            f"{val_fraction:.0%} for validation and for test, which takes {needed} groups; "
            f"give more clips{larger}, or folders train/, val/ and test/"
        )
