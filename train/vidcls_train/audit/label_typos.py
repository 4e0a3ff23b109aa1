"""Labels that are likely misspellings of each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

# Letters that a label must have for one wrong one to count as a typo, and for two.
_ONE_TYPO, _TWO_TYPOS = 5, 9


def find_label_typos(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of labels that differ in case, spaces and punctuation only, or by a wrong letter or two.

    Labels that count (cam1, cam2) are not meant: digits must be the same.

    Example:
        >>> find_label_typos(["archery", "Archery", "archrey", "walk", "talk", "cam1", "cam2"])
        [('Archery', 'archery'), ('Archery', 'archrey'), ('archery', 'archrey')]
    """
    return [pair for pair in combinations(sorted(labels), 2) if _is_typo(*pair)]


def _is_typo(first: str, second: str) -> bool:
    one, other = _letters(first), _letters(second)
    if one == other:
        return bool(one)
    if re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return False
    longer = max(len(one), len(other))
    allowed = 2 if longer >= _TWO_TYPOS else 1 if longer >= _ONE_TYPO else 0
    return abs(len(one) - len(other)) <= allowed and _edit_distance(one, other) <= allowed


def _letters(label: str) -> str:
    return "".join(character for character in label.casefold() if character.isalnum())


def _edit_distance(first: str, second: str) -> int:
    """Letters added, left out, replaced, or swapped with their neighbour: the optimal string alignment distance."""
    before, row = list[int](), list(range(len(second) + 1))
    for i, one in enumerate(first, start=1):
        two_before, before, row = before, row, [i]
        for j, other in enumerate(second, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (one != other))
            if i > 1 and j > 1 and one == second[j - 2] and first[i - 2] == other:
                cost = min(cost, two_before[j - 2] + 1)
            row.append(cost)
    return row[-1]
