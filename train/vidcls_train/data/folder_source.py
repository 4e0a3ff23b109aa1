"""A folder of videos -> labelled videos: one folder per label, with or without train/, val/ and test/ above them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from vidcls.video.folders import label_folders
from vidcls_train.data.clip_list import Clip, ClipList, DataError, check_label, group_by_name
from vidcls_train.data.csv_source import CSV_FORM, find_tables, lists_videos, read_csv

# What a split's folder may be called, in any case.
_SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}

# Names that are more likely a split's than a label's: training, testing, train_set, TestData, val2.
_LIKE_A_SPLIT = re.compile(r"(train|test|val|valid|validation)(ing)?[ ._-]?(set|data|split|videos|clips|\d+)?", re.I)


def read_folder(folder: Path) -> ClipList:
    """Find the videos of a folder, by the CSV in it that lists them or by its folders' names.

    Raises:
        DataError: the folders are neither splits nor labels, a label is not UTF-8, or the CSV cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for video in ("train/jump/a.mp4", "train/wave/b.mp4", "val/jump/c.mp4"):
        ...         (Path(folder) / video).parent.mkdir(parents=True, exist_ok=True)
        ...         (Path(folder) / video).touch()
        ...     found = read_folder(Path(folder))
        >>> found.labels, found.split_names
        (('jump', 'wave'), ['train', 'train', 'val'])
    """
    children = [child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith(".")]
    tables = find_tables(folder)
    lists = [table for table in tables if lists_videos(table)]
    if len(lists) == 1:
        return read_csv(lists[0])
    if not children and len(tables) == 1:
        return read_csv(tables[0])  # raises, and says which columns it has
    if len(children) == 1 and _is_top_folder(children[0]):
        return read_folder(children[0])
    splits = {child: _SPLIT_FOLDERS.get(child.name.lower()) for child in children}
    if any(splits.values()):
        return _read_split_folders(folder, splits)
    for child in children:
        if _LIKE_A_SPLIT.fullmatch(child.name):
            raise DataError(
                f"{folder}: the folder '{child.name}' looks like a split, not a label; name the folders of splits "
                f"train/, val/ and test/, or, where it is a label, list the videos in a CSV {CSV_FORM}"
            )
    clips, empty = _clips(folder)
    return ClipList(name=str(folder), clips=clips, split_names=None, empty=[(None, label) for label in empty])


def _is_top_folder(child: Path) -> bool:
    """Whether a folder's only folder is the one that an archive usually holds its data in."""
    if any(lists_videos(table) for table in find_tables(child)):
        return True
    return child.name.lower() not in _SPLIT_FOLDERS and any(path.is_dir() for path in child.iterdir())


def _read_split_folders(folder: Path, splits: dict[Path, str | None]) -> ClipList:
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
    return ClipList(name=str(folder), clips=clips, split_names=names, empty=empty)


def _clips(folder: Path) -> tuple[list[Clip], list[str]]:
    """The clips of a folder with one folder per label, and the labels whose folders hold none."""
    labels = label_folders(folder)
    _check_names(folder, labels)
    clips = [
        Clip(path=path, labels=(label,), group=f"{label}/{group_by_name(path)}")
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
        check_label(label, f"{folder}: a folder is named")
