"""Labelled videos, before and after they are split: the leaf that sources, splits and checks share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from vidcls.errors import VidclsError

SPLITS = ("train", "val", "test")

# UCF101 names its clips v_<Label>_g<group>_c<clip>.avi; clips of one group share their footage.
_UCF_GROUP = re.compile(r"_g(\d+)_")


class DataError(VidclsError):
    """DATA is not a data set that can be trained on."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One labelled video file. `group` names footage that must not be torn across splits."""

    path: Path
    label: str
    group: str


@dataclass(frozen=True, kw_only=True)
class ClipList:
    """What DATA holds.

    split_names: of every clip, in the clips' order; None where DATA has no splits.
    empty: (split, label) of folders without a video; the split is None where DATA has none.
    """

    name: str
    clips: list[Clip]
    split_names: list[str] | None
    empty: list[tuple[str | None, str]]

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the clips, sorted; the index is the class id."""
        return tuple(sorted({clip.label for clip in self.clips}))


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Labelled videos. labels: the union of the splits' labels, sorted; the index is the class id."""

    labels: tuple[str, ...]
    train: list[Clip]
    val: list[Clip]
    test: list[Clip]


def group_by_name(path: Path) -> str:
    """The group of footage that a video's name gives, as UCF101 writes it; the path itself where it gives none.

    Example:
        >>> group_by_name(Path("v_Archery_g07_c03.avi"))
        'g07'
        >>> group_by_name(Path("archery/3.mp4"))
        'archery/3.mp4'
    """
    match = _UCF_GROUP.search(path.name)
    return f"g{match[1]}" if match else str(path)
