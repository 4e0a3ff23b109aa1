"""Findings on leakage: footage, scenes and groups that more than one split, or more than one label, holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from vidcls_train.audit.data_report import ClipPair, DataReport, Finding, copied
from vidcls_train.audit.duplicates import COPIES
from vidcls_train.audit.wording import counted
from vidcls_train.data.clip_list import SPLITS, ClipList

# A held-out split with more of its clips in train measures memory.
_COPIES_LIMIT = 0.25

_APART = "metrics.json also gives the score without them, as 'without_copies'"


def copy_findings(report: DataReport, pairs: Sequence[ClipPair]) -> Iterable[Finding]:
    """Footage that train and a held-out split, or val and test, both hold."""
    for split in ("val", "test"):
        videos = copied(pairs, split)
        total = report.clips_in(split)
        if not videos:
            continue
        worthless = len(videos) > _COPIES_LIMIT * total
        why = "scores on it would measure memory" if worthless else _APART
        yield Finding(
            level="stop" if worthless else "warning",
            allowable=worthless,
            what=f"train also holds the footage of {len(videos)} of {total} clips in {split}: {why}",
            mend="remove them, or move all clips of a recording to one split"
            + (", or train all the same with --allow-duplicates" if worthless else ""),
        )
    between = [pair for pair in pairs if pair.kind in COPIES and set(pair.splits) == {"val", "test"}]
    if between:
        yield Finding(
            level="warning",
            what=f"val and test share the footage of {counted(len(between), 'pair')} of clips: "
            "test clips help choose the epoch",
            mend="remove one of each, or move all clips of a recording to one split",
        )


def known_findings(report: DataReport) -> Iterable[Finding]:
    """Held-out clips that the base or the teacher knows."""
    found = [(len(clips), report.clips_in(split), split) for split, clips in report.known.items() if clips]
    if not found:
        return
    worthless = any(known > _COPIES_LIMIT * total for known, total, _ in found)
    counts = " and ".join(f"{known} of {total} clips in {split}" for known, total, split in found)
    why = "scores on them measure memory" if worthless else _APART
    yield Finding(
        level="stop" if worthless else "warning",
        allowable=worthless,
        what=f"the base or the teacher knows {counts}, by their fingerprints: {why}",
        mend="give val and test clips that neither was trained on, and the others to train"
        + (", or train all the same with --allow-duplicates" if worthless else ""),
    )


def scene_findings(report: DataReport, pairs: Sequence[ClipPair], *, torn_scenes: bool) -> Iterable[Finding]:
    """Scenes that train and a held-out split both hold, apart from copies. torn_scenes: there were too few to part."""
    for split in ("val", "test"):
        torn = {
            pair.of(split) for pair in pairs if pair.kind == "same scene" and set(pair.splits) == {"train", split}
        } - set(copied(pairs, split))
        if torn:
            total = report.clips_in(split)
            few = ", and there are too few to keep each in one split" if torn_scenes else ""
            yield Finding(
                level="warning",
                what=f"train holds other moments of the scenes of {len(torn)} of {total} clips in {split}: "
                f"the score is for places that the model knows{few}",
                mend="for new places, keep all clips of a place or camera in one split",
            )


def group_findings(found: ClipList) -> Iterable[Finding]:
    """Groups of footage that more than one of DATA's own splits holds."""
    if found.split_names is None:
        return
    splits_of: dict[str, set[str]] = defaultdict(set)
    for clip, split in zip(found.clips, found.split_names, strict=True):
        splits_of[clip.group].add(split)
    torn = sorted(group for group, names in splits_of.items() if len(names) > 1)
    if torn:
        yield Finding(
            level="warning",
            what=f"more than one split holds clips of {counted(len(torn), 'group')} of footage, by names like _g01_ "
            f"or the CSV, '{torn[0]}' for one: the score is for recordings that the model knows",
            mend="keep all clips of a group in one split",
        )


def label_conflict_findings(pairs: Iterable[ClipPair]) -> Iterable[Finding]:
    """Footage that has two labels."""
    torn = [pair for pair in pairs if pair.kind in COPIES and pair.labels[0] != pair.labels[1]]
    if torn:
        first = torn[0]
        yield Finding(
            level="warning",
            what=f"the same footage has two labels in {counted(len(torn), 'pair')} of clips: "
            f"{Path(first.videos[0]).name} is '{first.labels[0]}' and {Path(first.videos[1]).name} '{first.labels[1]}'",
            mend="decide for one label and remove the other clip",
        )


def repetition_findings(pairs: Iterable[ClipPair]) -> Iterable[Finding]:
    """Footage that one split holds twice."""
    for split in SPLITS:
        inside = [pair for pair in pairs if pair.kind in COPIES and pair.splits == (split, split)]
        if inside:
            yield Finding(
                level="note",
                what=f"{split} holds the same footage twice in {counted(len(inside), 'pair')} of clips",
                mend="harmless in small numbers",
            )
