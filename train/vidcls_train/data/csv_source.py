"""A CSV that lists videos, or stretches of long ones -> labelled videos."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any

from vidcls_train.data.clip_list import (
    MULTI_LABEL,
    NONE_LABEL,
    SEPARATOR,
    SINGLE_LABEL,
    SPLITS,
    Clip,
    ClipList,
    DataError,
    check_label,
    group_by_name,
)
from vidcls_train.data.stretches import by_video, check_stretches, seconds_of

CSV_FORM = "path,label[,group][,split]"

# What a CSV is known by: what is trained on, and what it shows. Others may be there as well.
_WHOLE, _STRETCH = {"path"}, {"video", "start", "end"}
_OTHERS = {"group", "split"}
_MAY_BE_EMPTY = {"labels", *_OTHERS}


def read_csv(table: Path) -> ClipList:
    """Read rows path,label[,group][,split]; paths are relative to the CSV's folder, or absolute.

    A column `labels` in the place of `label` holds any number of labels, as in jump|wave, or none of them. Columns
    video,start,end in the place of `path` name a stretch of a video, in seconds.

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
        raise DataError(
            f"{table}: its columns are {sorted(columns)}, expected {CSV_FORM}, with 'labels' in the place of 'label' "
            "where a video may show several, and with video,start,end in the place of 'path' for stretches of videos"
        )
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise DataError(f"{table}: has the column '{twice}' twice, expected each once; remove one of them")
    clips = []
    for number, row in rows:
        is_short = row.get("labels", "") is None or not all(row[name] for name in {*columns} - _MAY_BE_EMPTY)
        if None in row or is_short:
            raise DataError(f"{table}: line {number} is not of the form {','.join(columns)}")
        if "split" in row and row["split"] not in SPLITS:
            raise DataError(f"{table}: line {number} has split '{row['split']}', expected train, val or test")
        clip = _clip(table, number, row)
        for label in clip.labels:
            check_label(label, f"{table}: line {number} has the label")
        clips.append(clip)
    split_names = [row["split"] for _, row in rows] if "split" in columns else None
    if "video" in columns:
        clips = by_video(clips)
        check_stretches(clips, split_names, table=table)
    problem_type = MULTI_LABEL if "labels" in columns else SINGLE_LABEL
    return ClipList(name=str(table), clips=clips, split_names=split_names, empty=[], problem_type=problem_type)


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
    named = set(columns) - _OTHERS
    return any(named == {*what, shown} for what in (_WHOLE, _STRETCH) for shown in ("label", "labels"))


def _clip(table: Path, line: int, row: dict[str, str]) -> Clip:
    path = table.parent / (row.get("path") or row["video"])
    labels = (row["label"],) if "label" in row else _several(row["labels"], table=table, line=line)
    if "video" in row:
        start, end = (seconds_of(row[name], name, where=f"{table}: line {line}") for name in ("start", "end"))
        group = row.get("group") or str(path)
        return Clip(path=path, labels=labels, group=group, start_seconds=start, end_seconds=end)
    of_name = group_by_name(path)
    return Clip(
        path=path, labels=labels, group=row.get("group") or (f"{labels[0]}/{of_name}" if "label" in row else of_name)
    )


def _several(text: str, *, table: Path, line: int) -> tuple[str, ...]:
    """The labels that a|b names, sorted; none of them where the text is empty, or `_none`."""
    labels = [label.strip() for label in text.split(SEPARATOR)] if text.strip() else []
    if labels == [NONE_LABEL]:
        return ()
    if "" in labels or NONE_LABEL in labels or len(set(labels)) < len(labels):
        raise DataError(
            f"{table}: line {line} has labels '{text}', expected names with '{SEPARATOR}' between them, each once, or "
            "nothing for a video that shows none of them"
        )
    return tuple(sorted(labels))


def _rows(table: Path) -> tuple[list[str], list[tuple[int, dict[Any, Any]]]]:
    """The columns, and each row with the number of its first line; lines that are empty are none.

    A row that is too short has None for what it lacks; one that is too long has something for the column None.
    """
    rows = []
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)  # else a quote that is never closed takes all rows after it
            columns = next(reader, [])
            before = reader.line_num
            for values in reader:
                if values:
                    rows.append((before + 1, dict(zip_longest(columns, values))))
                before = reader.line_num
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: is not a CSV in UTF-8 ({error}); correct it, or save it as one") from error
    return columns, rows
