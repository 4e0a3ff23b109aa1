"""What the checks of the data find: the values that its text, JSON and picture are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vidcls_train.audit.duplicates import COPIES, Kind
from vidcls_train.audit.shortcuts import EncodingBaseline, Shortcut
from vidcls_train.data.clip_list import Footage


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to know, and what to do about it.

    level: "stop" where training would be worthless. allowable: a stop that `allow_duplicates` overrules.
    """

    level: Literal["stop", "warning", "note"]
    what: str
    mend: str
    allowable: bool = False


@dataclass(frozen=True, kw_only=True)
class ClipPair:
    """A `Pair` with the videos, splits and labels of its two clips.

    videos: their names: the file, and, of a stretch of it, from when to when. stretches: (start, end) in seconds.
    """

    kind: Kind
    videos: tuple[str, str]
    files: tuple[str, str]
    stretches: tuple[tuple[float, float] | None, tuple[float, float] | None]
    splits: tuple[str, str]
    labels: tuple[str, str]
    similarity: float
    motion: float

    def of(self, split: str) -> Footage:
        """Its clip in one of its splits; the first where both are of it."""
        index = self.splits.index(split)
        return Footage(Path(self.files[index]), self.stretches[index])


@dataclass(frozen=True, kw_only=True)
class ClipRow:
    """One readable clip, as far as tables and pictures need it.

    video: the file, and, of a stretch of it, from when to when. label: its labels, as one text.
    width, height: pixels, upright.
    """

    video: str
    split: str
    label: str
    labels: tuple[str, ...]
    seconds: float
    frames: int
    width: int
    height: int
    frame_rate: float
    kbit_per_second: float
    codec: str


@dataclass(frozen=True, kw_only=True)
class DataReport:
    """What was found in DATA.

    split_here: whether the splits were made here. val_here: whether val alone was, of train's clips.
    groups: of footage. counts: {label: {split: readable clips}}.
    unreadable: {"video", "split", "label", "message"}. short: videos shorter than the model's window.
    truncated: videos of which the end is missing. pair_counts: {kind: pairs}; `pairs` lists all, or the first.
    known: {"val", "test": its clips that the base or the teacher knows}.
    encoding, tells: what encodings alone give away, of all labels and of single ones. (The fields' names are those of
    data-report.json.)
    """

    data: str
    split_here: bool
    val_here: bool
    groups: int
    counts: dict[str, dict[str, int]]
    clips: list[ClipRow]
    unreadable: list[dict[str, str]]
    short: list[str]
    truncated: list[str]
    pairs: list[ClipPair]
    pair_counts: dict[str, int]
    known: dict[str, list[str]]
    encoding: EncodingBaseline | None
    tells: list[Shortcut]
    findings: list[Finding]

    def clips_in(self, split: str) -> int:
        """How many readable clips a split has; a clip may have several labels, or none."""
        return sum(row.split == split for row in self.clips)

    def about_val(self) -> str | None:
        """Where val was made of train's clips: how many of them are in it, as a message begins."""
        if not self.val_here:
            return None
        val, train = self.clips_in("val"), self.clips_in("train")
        return f"there is no val: {val} of train's {train + val} clips, whole groups of footage, are set aside for it"


def copied(pairs: Iterable[ClipPair], split: str) -> list[Footage]:
    """Clips of a split whose footage is in train as well, sorted by name.

    Example:
        >>> def pair(*splits: str) -> ClipPair:
        ...     return ClipPair(
        ...         kind="same footage",
        ...         videos=("a.mp4", "b.mp4"),
        ...         files=("a.mp4", "b.mp4"),
        ...         stretches=(None, None),
        ...         splits=splits,
        ...         labels=("jump", "jump"),
        ...         similarity=0.9,
        ...         motion=0.9,
        ...     )
        >>> [str(clip) for clip in copied([pair("train", "test"), pair("val", "test")], "test")]
        ['b.mp4']
    """
    copies = {pair.of(split) for pair in pairs if pair.kind in COPIES and set(pair.splits) == {"train", split}}
    return sorted(copies, key=str)


def worst_first(pairs: Sequence[ClipPair]) -> list[ClipPair]:
    """Pairs across splits, those with train first, and then those within one; otherwise in their order.

    Example:
        >>> def pair(*splits: str) -> ClipPair:
        ...     return ClipPair(
        ...         kind="same footage",
        ...         videos=("a.mp4", "b.mp4"),
        ...         files=("a.mp4", "b.mp4"),
        ...         stretches=(None, None),
        ...         splits=splits,
        ...         labels=("jump", "jump"),
        ...         similarity=0.9,
        ...         motion=0.9,
        ...     )
        >>> ordered = worst_first([pair("val", "val"), pair("val", "test"), pair("train", "val")])
        >>> [pair.splits for pair in ordered]
        [('train', 'val'), ('val', 'test'), ('val', 'val')]
    """
    return sorted(pairs, key=lambda pair: (pair.splits[0] == pair.splits[1], "train" not in pair.splits))
