"""A CSV of what happens when in long videos -> the true events of each video."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidcls.errors import ArgumentError
from vidcls.evaluation.csv_cells import check_cells, check_named_once
from vidcls.evaluation.event_metrics import TrueEvent
from vidcls.video.folders import label_named

COLUMNS = ("video", "start", "end", "label")

# The label of a stretch that shows none of the labels.
NONE_LABEL = "_none"

# Whoever labels by hand may be so late at a video's end.
LATE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class LongVideo:
    """A long video and what happens in it, in the order of the CSV's lines, whose numbers are `lines`.

    stretches: (start, end) in seconds of every line about it, also of those that say that nothing happens.
    """

    path: Path
    events: tuple[TrueEvent, ...]
    lines: tuple[int, ...]
    stretches: tuple[tuple[float, float], ...]


def read_event_labels(
    labels_csv: Path, data_dir: Path, labels: Sequence[str], *, none_label: str | None = None
) -> list[LongVideo]:
    """The videos that a CSV with the columns video, start, end and label names, in the order of their first lines.

    A video in which nothing happens is named by a line with the label `_none`; such lines hold no event. Other columns
    are not read.

    Args:
        labels_csv: start and end in seconds after the video's first frame; a video relative to data_dir or to the CSV.
        labels: the model's. none_label: the one of them that means none, which counts as `_none`.

    Raises:
        ValueError: the file is no such CSV, or a line of it is wrong.
        OSError: it cannot be read.
    """
    nothing, found = {NONE_LABEL, none_label}, dict[Path, dict[TrueEvent, int]]()
    for line, row in _rows(labels_csv):
        where = f"{labels_csv}, line {line}"
        video, event = _video(row["video"], labels_csv, data_dir, where), _event(row, where)
        label = label_named(event.label, [*labels, *filter(None, nothing)])
        if label is None:
            raise ArgumentError(
                f"{where}: '{event.label}' is not one of the model's labels; rename it, or call it {NONE_LABEL}"
            )
        event = event._replace(label=label)
        first = found.setdefault(video, {}).setdefault(event, line)
        if first != line and event.label not in nothing:
            raise ArgumentError(f"{where}: says what line {first} says; remove one, or the event counts twice")
    if not found:
        raise ArgumentError(f"{labels_csv}: holds no line but its header; name at least one video")
    return [
        LongVideo(
            path=path,
            events=tuple(event for event in rows if event.label not in nothing),
            lines=tuple(line for event, line in rows.items() if event.label not in nothing),
            stretches=tuple((event.start, event.end) for event in rows),
        )
        for path, rows in found.items()
    ]


def check_ends(video: LongVideo, labels_csv: Path, *, seconds: float) -> None:
    """Raise ValueError where an event ends more than a second after the video, which is so long."""
    for line, event in zip(video.lines, video.events, strict=True):
        if event.end > seconds + LATE_SECONDS:
            raise ArgumentError(
                f"{labels_csv}, line {line}: ends at {event.end:g} s, but {video.path.name} is {seconds:.2f} s long"
            )


def _rows(labels_csv: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(number, cells by column) of every line but the header; empty lines are left out."""
    try:
        with labels_csv.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise ArgumentError(
                    f"{labels_csv}: its first line has no column '{missing[0]}'; expected {','.join(COLUMNS)}"
                )
            check_named_once(list(rows.fieldnames or ()), COLUMNS, where=str(labels_csv))
            for row in rows:
                check_cells(row, COLUMNS, where=f"{labels_csv}, line {rows.line_num}")
                yield rows.line_num, {column: row[column].strip() for column in COLUMNS}
    except (UnicodeDecodeError, csv.Error) as error:
        raise ArgumentError(f"{labels_csv}: is not a CSV file in UTF-8 ({error})") from error


def _video(name: str, labels_csv: Path, data_dir: Path, where: str) -> Path:
    for folder in (data_dir, labels_csv.parent):
        if name and (path := folder / name).is_file():
            return path.resolve()
    raise ArgumentError(f"{where}: there is no video '{name}' in {data_dir} or {labels_csv.parent}")


def _event(row: dict[str, str], where: str) -> TrueEvent:
    start, end = (_seconds(row[column], column, where) for column in ("start", "end"))
    if start < 0 or end <= start:
        raise ArgumentError(
            f"{where}: is from {row['start']} to {row['end']}, expected a start of 0 or more and an end after it"
        )
    return TrueEvent(row["label"], start, end)


def _seconds(text: str, column: str, where: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ArgumentError(f"{where}: '{column}' is '{text}', expected seconds, as in 12.5")
    return seconds
