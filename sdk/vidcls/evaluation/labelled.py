"""DATA of an evaluation -> videos, and which of a model's labels each shows: a folder per label, or a CSV."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract
from vidcls.errors import ArgumentError
from vidcls.evaluation.csv_cells import check_cells, check_named_once
from vidcls.video.folders import NONE_FOLDER, label_named, labelled_videos

_FORM = "path,labels, with '|' between the labels of a video that shows several"
_SEPARATOR = "|"


@dataclass(frozen=True, kw_only=True)
class LabelledVideo:
    """A video and the class ids of the labels that it shows.

    Of a video that shows none of them that is the none label's; it is empty where the model has no such class.
    """

    path: Path
    class_ids: tuple[int, ...]

    def shown(self, labels: Sequence[str]) -> str:
        """The labels in one text, as a CSV has them: "jump|wave"; `_none` for none of them."""
        return _SEPARATOR.join(labels[index] for index in self.class_ids) or NONE_FOLDER


def read_labelled(data: Path, contract: Contract) -> list[LabelledVideo]:
    """The videos of DATA with their labels.

    Args:
        data: a folder with one folder of videos per label, in which each video shows that label alone, and in `_none`
            none of them; or a CSV with the columns `path` and `label` or `labels`, as in jump|wave, with nothing or
            `_none` for a video that shows none. Paths are relative to the CSV's folder.
        contract: of the model.

    Raises:
        ValueError: there is no such folder or CSV, it holds no videos or one of them twice, or a label is none of the
            model's.
    """
    if data.suffix.lower() == ".csv":
        return _read_csv(data, contract)
    found = labelled_videos(data, contract.labels, none_label=contract.decision.none_label)
    return [LabelledVideo(path=path, class_ids=() if id_ is None else (id_,)) for path, id_ in found]


def targets_of(videos: Sequence[LabelledVideo], labels: Sequence[str]) -> npt.NDArray[np.bool_]:
    """bool [videos, labels], True for each label that a video shows."""
    targets = np.zeros((len(videos), len(labels)), bool)
    for row, video in enumerate(videos):
        targets[row, list(video.class_ids)] = True
    return targets


def _read_csv(table: Path, contract: Contract) -> list[LabelledVideo]:
    rows = _rows(table)
    if not rows:
        raise ArgumentError(f"{table}: lists no videos; expected rows of the form {_FORM}")
    videos = [_video(table, line, row, contract) for line, row in rows]
    _check_once(table, [line for line, _ in rows], videos)
    return videos


def _check_once(table: Path, lines: Sequence[int], videos: Sequence[LabelledVideo]) -> None:
    """Refuse a video that is named twice: it would count twice, and each time lack the labels of the other line."""
    named: dict[str, int] = {}
    for line, video in zip(lines, videos, strict=True):
        first = named.setdefault(os.path.abspath(video.path), line)  # noqa: PTH100 - resolve would ask for every file
        if first != line:
            raise ArgumentError(
                f"{table}: line {line} names {video.path} as line {first} does; write it once, with '|' between its "
                "labels where it shows several"
            )


def _rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    """(number of its last line, cells by column) of every row."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise ArgumentError(f"{table}: cannot be read ({error.strerror}); name a CSV or a folder of videos") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ArgumentError(f"{table}: is not a CSV in UTF-8 ({error}); save it as one") from None
    columns = list(reader.fieldnames or [])
    needed = [column for column in ("path", "label", "labels") if column in columns]
    if needed not in (["path", "label"], ["path", "labels"]):
        raise ArgumentError(f"{table}: its columns are {sorted(set(columns))}, expected {_FORM}")
    check_named_once(columns, needed, where=str(table))
    for line, row in rows:
        check_cells(row, needed, where=f"{table}: line {line}")
    return rows


def _video(table: Path, line: int, row: dict[str, str], contract: Contract) -> LabelledVideo:
    if not row["path"]:
        raise ArgumentError(f"{table}: line {line} names no video; expected rows of the form {_FORM}")
    names = [row["label"]] if "label" in row else [name.strip() for name in row["labels"].split(_SEPARATOR)]
    if names in ([""], [NONE_FOLDER]) and names[0] not in contract.labels:
        names = [] if contract.decision.none_label is None else [contract.decision.none_label]
    labels = []
    for name in names:
        label = label_named(name, contract.labels)
        if label is None:
            raise ArgumentError(
                f"{table}: line {line} has the label '{name}', which is not one of the model's {len(contract.labels)}; "
                "correct or remove it"
            )
        labels.append(label)
    if len(names) > 1 and contract.decision.activation == "softmax":
        raise ArgumentError(
            f"{table}: line {line} has {len(names)} labels, but of this model's labels exactly one holds; name that one"
        )
    ids = sorted({contract.labels.index(label) for label in labels})
    return LabelledVideo(path=table.parent / row["path"], class_ids=tuple(ids))
