"""Labelled videos, before and after they are split: the leaf that sources, splits and checks share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from vidcls.contract import LABEL
from vidcls.errors import VidclsError
from vidcls.schema import shown
from vidcls.video.folders import NONE_FOLDER

SPLITS = ("train", "val", "test")

# The class of clips that show none of the labels.
NONE_LABEL = NONE_FOLDER

# Between labels that hold together, in a CSV and wherever a clip's labels are one text.
SEPARATOR = "|"

# As transformers calls them: a clip has one label, or any number of them.
ProblemType = Literal["single_label_classification", "multi_label_classification"]
SINGLE_LABEL: ProblemType = "single_label_classification"
MULTI_LABEL: ProblemType = "multi_label_classification"

# UCF101 names its clips v_<Label>_g<group>_c<clip>.avi; clips of one group share their footage.
_UCF_GROUP = re.compile(r"_g(\d+)_")


class DataError(VidclsError):
    """DATA is not a data set that can be trained on."""


class Footage(NamedTuple):
    """What of which file a clip is. stretch: (start, end) in seconds after the first frame; None for the whole file."""

    path: Path
    stretch: tuple[float, float] | None = None

    def __str__(self) -> str:
        """As messages and reports name it.

        Example:
            >>> print(Footage(Path("yard.mp4"), (12, 15.5)))
            yard.mp4 [12.00 to 15.50 s]
        """
        if self.stretch is None:
            return str(self.path)
        return f"{self.path} [{self.stretch[0]:.2f} to {self.stretch[1]:.2f} s]"


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One labelled video file, or a stretch of one.

    labels: what it shows: one label, `NONE_LABEL` among them, or, of data with several labels a clip, any number.
    group: names footage that must not be torn across splits.
    start_seconds, end_seconds: of the stretch, in seconds after the file's first frame; None for the whole file.
    """

    path: Path
    labels: tuple[str, ...]
    group: str
    start_seconds: float | None = None
    end_seconds: float | None = None

    @property
    def label(self) -> str:
        """What it shows, as one text.

        Example:
            >>> Clip(path=Path("a.mp4"), labels=("jump", "wave"), group="a").label
            'jump|wave'
            >>> Clip(path=Path("b.mp4"), labels=(), group="b").label
            '_none'
        """
        return SEPARATOR.join(self.labels) or NONE_LABEL

    @property
    def stretch(self) -> tuple[float, float] | None:
        """(start, end) in seconds after the file's first frame; None for the whole file."""
        if self.start_seconds is None or self.end_seconds is None:
            return None
        return self.start_seconds, self.end_seconds

    @property
    def footage(self) -> Footage:
        """What of which file it is, by which it is known among other clips."""
        return Footage(self.path, self.stretch)


def check_label(label: str, where: str) -> None:
    """Refuse what no contract holds as a label, and what nobody could see.

    Args:
        label: its text.
        where: how the message begins: which row or folder it stands in.

    Raises:
        DataError: it is empty, too long, or holds a line break or another control character.
    """
    text: object = label  # a bound is a tuple, of which a text could never be an element
    if text not in LABEL or not label.strip():
        expected = LABEL.expected if label.strip() else "a name that can be seen"
        raise DataError(f"{where} {shown(label)}, expected {expected}; rename it")


def labels_of(clips: Sequence[Clip]) -> tuple[str, ...]:
    """The labels of clips, sorted."""
    return tuple(sorted({label for clip in clips for label in clip.labels}))


@dataclass(frozen=True, kw_only=True)
class ClipList:
    """What DATA holds.

    split_names: of every clip, in the clips' order; None where DATA has no splits.
    empty: (split, label) of folders without a video; the split is None where DATA has none.
    problem_type: whether a clip has one label, or any number.
    """

    name: str
    clips: list[Clip]
    split_names: list[str] | None
    empty: list[tuple[str | None, str]]
    problem_type: ProblemType = SINGLE_LABEL

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the clips, sorted; the index is the class id."""
        return labels_of(self.clips)

    @property
    def none_label(self) -> str | None:
        """The class of clips that show none of the labels; None where there is none, or none is needed."""
        return NONE_LABEL if NONE_LABEL in self.labels else None


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
