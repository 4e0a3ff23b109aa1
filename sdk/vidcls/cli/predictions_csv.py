"""The CSV file of `vidcls predict`: a row a video, on the disk as soon as it is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import click

if TYPE_CHECKING:
    from vidcls import Prediction, VideoError


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
    """A file of rows, in UTF-8: the columns of `vidcls.to_csv`, and the probability of each label, as p(LABEL).

    It is opened with the first answer, so that one of an earlier run stays for as long as there is none. A row is
    written, and handed to the system, before the next video is waited for: what was answered stays, whatever ends the
    program. What a spreadsheet would run as a formula gets an apostrophe before it.
    """
    from vidcls.tables import PREDICTION_COLUMNS, to_rows
    from vidcls.temporal.timeline import csv_line

    with ExitStack() as opened:
        files: list[TextIO] = []

        def write(cells: Iterable[Any]) -> None:
            files[0].write(f"{csv_line(cells)}\n")
            files[0].flush()

        def write_answer(video: str, answer: Prediction | VideoError) -> None:
            if not files:
                files.append(opened.enter_context(path.open("w", encoding="utf-8", newline="")))
                write([*PREDICTION_COLUMNS, *(f"p({label})" for label in labels)])
            (row,) = to_rows([answer])
            scores = [""] * len(labels) if isinstance(answer, Exception) else answer.probabilities.tolist()
            write([*(row | {"video": video}).values(), *scores])

        yield write_answer
