"""What a CSV's first line and rows must be like, so that no cell is left out unseen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vidcls.errors import ArgumentError


def check_named_once(columns: Sequence[str], needed: Iterable[str], *, where: str) -> None:
    """Raise ValueError where a column that is read is named twice: one of the two would count, and nobody knows which.

    Args:
        columns: of the first line. needed: those that are read. where: what a message begins with.
    """
    twice = next((column for column in needed if columns.count(column) > 1), None)
    if twice is not None:
        raise ArgumentError(f"{where}: has the column '{twice}' twice, expected once; remove or rename one of them")


def check_cells(row: Mapping[Any, Any], needed: Iterable[str], *, where: str) -> None:
    """Raise ValueError where a row has more cells than the first line, or lacks one that is read.

    Args:
        row: as `csv.DictReader` gives it: what is too much under None, what is lacking as None.
        needed, where: as above.
    """
    if any(row[column] is None for column in needed):
        raise ArgumentError(f"{where}: has fewer cells than the first line")
    if any(cell.strip() for cell in row.get(None, ())):
        raise ArgumentError(
            f"{where}: has more cells than the first line; put a text that holds a comma between double quotes"
        )
