"""The CSV file of `vidcls predict`: a row a video, on the disk as soon as it is known."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from vidcls.printable import csv_cell

if TYPE_CHECKING:
    from vidcls import Prediction, VideoError

COLUMNS = ("video", "label", "score", "known", "error")


class Show(Protocol):
    """Shows what is said of one video, or writes it."""

    def __call__(self, video: str, answer: Prediction | VideoError, /) -> None:
        """Of the video of this name."""


def checked_path(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """The file that --csv names, which is a CSV file: a video in its place would be overwritten."""
    if path is None:
        return None
    if path.suffix.lower() != ".csv":
        raise click.BadParameter(f"'{path}' does not end in .csv; name the file to write, as in --csv answers.csv")
    if not path.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder '{path.parent}' to write '{path.name}' to; make it first")
    return path


@contextmanager
def predictions_csv(path: Path, labels: Sequence[str]) -> Iterator[Show]:
    """A file of rows, in UTF-8: `COLUMNS`, and the probability of each label, as p(LABEL).

    A row is written, and handed to the system, before the next video is waited for: what was answered stays, whatever
    ends the program. What a spreadsheet would run as a formula gets an apostrophe before it.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)

        def write(cells: Sequence[Any]) -> None:
            writer.writerow([csv_cell(cell) for cell in cells])
            file.flush()

        def write_answer(video: str, answer: Prediction | VideoError) -> None:
            cells = _cells(video, answer)
            write([*cells, *[""] * (len(COLUMNS) + len(labels) - len(cells))])

        write([*COLUMNS, *(f"p({label})" for label in labels)])
        yield write_answer


def _cells(video: str, answer: Prediction | VideoError) -> list[Any]:
    if isinstance(answer, Exception):
        return [video, "", "", "", str(answer)]
    return [video, answer.label, answer.score, answer.known, "", *answer.probabilities.tolist()]
