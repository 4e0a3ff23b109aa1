"""A CSV that lists videos -> labelled videos."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from vidcls_train.data.clip_list import SPLITS, Clip, ClipList, DataError, group_by_name

CSV_FORM = "path,label[,group][,split]"


def read_csv(table: Path) -> ClipList:
    """Read rows path,label[,group][,split]; paths are relative to the CSV's folder, or absolute.

    Each names a video: not a URL, and never a list or a folder that is read in turn.

    Raises:
        DataError: not a CSV in UTF-8, its columns are others, or a row is not of the form; names file and line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder) / "clips.csv"
        ...     _ = table.write_text("path,label,split\\na.mp4,jump,train\\nb.mp4,wave,val\\n", encoding="utf-8")
        ...     found = read_csv(table)
        >>> [(clip.path.name, clip.label, split) for clip, split in zip(found.clips, found.split_names, strict=True)]
        [('a.mp4', 'jump', 'train'), ('b.mp4', 'wave', 'val')]
    """
    columns, rows = _rows(table)
    if not _lists_columns(columns):
        raise DataError(f"{table}: its columns are {sorted(columns)}, expected {CSV_FORM}")
    for number, row in enumerate(rows, start=2):
        if None in row or not row["path"] or not row["label"]:
            raise DataError(f"{table}: line {number} is not of the form {','.join(columns)}")
        if "split" in row and row["split"] not in SPLITS:
            raise DataError(f"{table}: line {number} has split '{row['split']}', expected train, val or test")
    paths = [table.parent / row["path"] for row in rows]
    clips = [
        Clip(path=path, label=row["label"], group=row.get("group") or f"{row['label']}/{group_by_name(path)}")
        for path, row in zip(paths, rows, strict=True)
    ]
    split_names = [row["split"] for row in rows] if "split" in columns else None
    return ClipList(name=str(table), clips=clips, split_names=split_names, empty=[])


def find_tables(folder: Path) -> list[Path]:
    """The CSV files of a folder, sorted, without hidden ones."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() == ".csv" and path.is_file() and not path.name.startswith(".")
    ]


def lists_videos(table: Path) -> bool:
    """Whether the CSV's first line says that it lists videos. The rest may still be wrong."""
    with table.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        try:
            return _lists_columns(next(csv.reader(file), []))
        except csv.Error:
            return False


def _lists_columns(columns: Iterable[str]) -> bool:
    return {"path", "label"} <= set(columns) <= {"path", "label", "group", "split"}


def _rows(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            return list(reader.fieldnames or []), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: is not a CSV in UTF-8 ({error}); save it as one") from error
