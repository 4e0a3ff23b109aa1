"""Labels whose clips must not be mirrored in training."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ROTATIONS = frozenset({"clockwise", "anticlockwise", "counterclockwise", "cw", "ccw", "acw"})
_SIDES = ("left", "right")
_OTHER_WORDS = frozenset(
    {"bright", "upright", "fright", "copyright", "cleft", "leftover", "leftovers", "rightful", "righteous", "rights"}
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def directional_labels(labels: Iterable[str]) -> list[str]:
    """Labels that speak of left and right or of a sense of rotation, which a mirrored clip would belie.

    Example:
        >>> directional_labels(["TurnLeft", "turn_right", "spin clockwise", "bright lamp", "jump"])
        ['TurnLeft', 'turn_right', 'spin clockwise']
    """
    return [label for label in labels if any(_is_directional(word.lower()) for word in _WORDS.findall(label))]


def _is_directional(word: str) -> bool:
    if word in _ROTATIONS:
        return True
    # swipeleft, lefthook
    return (word.endswith(_SIDES) or word.startswith(_SIDES)) and word not in _OTHER_WORDS
