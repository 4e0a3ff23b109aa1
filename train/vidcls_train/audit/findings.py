"""What is to be said of the data: rules from what was seen to findings, and to whether training on it is worth it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vidcls.evaluation.metrics import wilson_interval
from vidcls_train.audit.duplicates import Kind
from vidcls_train.audit.encoding import Guess, Tell, significant
from vidcls_train.audit.label_typos import look_alike
from vidcls_train.data.sources import SPLITS, DataError, Found

# A held-out split with more of its clips in train measures memory.
_COPIES_LIMIT = 0.25

# Times as many clips of one label as of another.
_UNEVEN = 10

# Clips of a split below which its accuracy is hardly known: an interval of 20 points at 80 %.
_FEW = 60

# Kinds of pairs that are one clip to a model.
COPIES: tuple[Kind, ...] = ("same file", "same footage")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to know. stop: training would be worthless, unless duplicates are allowed where `allowable`."""

    level: Literal["stop", "warning", "note"]
    what: str
    mend: str
    allowable: bool = False


@dataclass(frozen=True, kw_only=True)
class ClipPair:
    """A `Pair` with what its two clips are."""

    kind: Kind
    videos: tuple[str, str]
    splits: tuple[str, str]
    labels: tuple[str, str]
    similarity: float
    motion: float


@dataclass(frozen=True, kw_only=True)
class ClipRow:
    """One readable clip, as far as tables and pictures need it. width, height: pixels."""

    video: str
    split: str
    label: str
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

    split_here: whether the splits were made here. groups: of footage. counts: {label: {split: readable clips}}.
    unreadable: {"video", "split", "label", "message"}. short: videos shorter than the model's window.
    truncated: videos that end before their header says. pair_counts: {kind: pairs}; `pairs` lists all, or the first.
    """

    data: str
    split_here: bool
    groups: int
    counts: dict[str, dict[str, int]]
    clips: list[ClipRow]
    unreadable: list[dict[str, str]]
    short: list[str]
    truncated: list[str]
    pairs: list[ClipPair]
    pair_counts: dict[str, int]
    encoding: Guess | None
    tells: list[Tell]
    findings: list[Finding]


def find_findings(
    report: DataReport, pairs: Sequence[ClipPair], used: Found, *, torn_scenes: bool, clip_seconds: float
) -> list[Finding]:
    """All there is to say, the worst first.

    Args:
        report: its findings still empty.
        pairs: all of them, where the report may list the first.
        used: the readable clips; with DATA's own splits, if it has any.
        torn_scenes: whether there were too few scenes to keep each in one split.
        clip_seconds: length of the model's window.
    """
    findings = [
        *_empty_labels(report),
        *_copies_across(report, pairs),
        *_scenes_across(report, pairs, torn_scenes=torn_scenes),
        *_groups_across(used),
        *_two_labels(pairs),
        *_alike_labels(report),
        *_unreadable_and_cut(report),
        *_told_by_encoding(report),
        *_sizes(report),
        *_lengths(report, clip_seconds=clip_seconds),
        *_copies_within(pairs),
    ]
    return sorted(findings, key=lambda finding: ("stop", "warning", "note").index(finding.level))


def refuse_worthless(report: DataReport, *, allow_duplicates: bool) -> None:
    """Raise a DataError if training on this data would be worthless."""
    stops = [
        finding
        for finding in report.findings
        if finding.level == "stop" and not (finding.allowable and allow_duplicates)
    ]
    if stops:
        more = f" ({len(stops) - 1} more such finding{'s' * (len(stops) > 2)})" if len(stops) > 1 else ""
        raise DataError(f"{report.data}: {stops[0].what}; {stops[0].mend}{more}. --check-only reports all there is")


def copied(pairs: Iterable[ClipPair], split: str) -> list[str]:
    """Videos of a split whose footage is in train as well."""
    copies = set()
    for pair in pairs:
        if pair.kind in COPIES and set(pair.splits) == {"train", split}:
            copies.add(pair.videos[pair.splits.index(split)])
    return sorted(copies)


def _empty_labels(report: DataReport) -> Iterable[Finding]:
    for label, by_split in report.counts.items():
        if not by_split["train"]:
            broken = sum(row["label"] == label and row["split"] in ("", "train") for row in report.unreadable)
            twins = [a if b == label else b for a, b in look_alike(list(report.counts)) if label in (a, b)]
            why = f" (it looks like a misspelt '{twins[0]}')" if twins else ""
            unread = f", {broken} cannot be read" if broken else ""
            yield Finding(
                level="stop",
                what=f"the label '{label}' has no readable clip in train{unread}{why}: the model cannot learn it",
                mend="rename its folder" if twins else "add clips, or remove the label from every split",
            )
            continue
        for split in ("val", "test"):
            if not by_split[split] and any(row[split] for row in report.counts.values()):
                what = "the choice of the epoch" if split == "val" else "the test"
                yield Finding(
                    level="warning",
                    what=f"the label '{label}' has no readable clip in {split}: {what} says nothing of it",
                    mend=f"move clips of it to {split}, whole recordings rather than single clips",
                )
    if not any(by_split["test"] for by_split in report.counts.values()):
        yield Finding(
            level="warning",
            what="there is no test clip: the figures will be those of val, by which the epoch is chosen, and too high",
            mend="set clips aside in test/, from recordings of their own",
        )


def _copies_across(report: DataReport, pairs: Sequence[ClipPair]) -> Iterable[Finding]:
    for split in ("val", "test"):
        videos = copied(pairs, split)
        total = sum(by_split[split] for by_split in report.counts.values())
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
            what=f"val and test share the footage of {_counted(len(between), 'pair')} of clips: "
            "test clips help choose the epoch",
            mend="remove one of each, or move all clips of a recording to one split",
        )


_APART = "metrics.json also gives the score without them, as 'without_copies'"


def _scenes_across(report: DataReport, pairs: Sequence[ClipPair], *, torn_scenes: bool) -> Iterable[Finding]:
    for split in ("val", "test"):
        torn = {
            pair.videos[pair.splits.index(split)]
            for pair in pairs
            if pair.kind == "same scene" and set(pair.splits) == {"train", split}
        } - set(copied(pairs, split))
        if torn:
            total = sum(by_split[split] for by_split in report.counts.values())
            few = ", and there are too few to keep each in one split" if torn_scenes else ""
            yield Finding(
                level="warning",
                what=f"train holds other moments of the scenes of {len(torn)} of {total} clips in {split}: "
                f"the score is for places that the model knows{few}",
                mend="for new places, keep all clips of a place or camera in one split",
            )


def _groups_across(found: Found) -> Iterable[Finding]:
    if found.split_names is None:
        return
    splits_of: dict[str, set[str]] = defaultdict(set)
    for clip, split in zip(found.clips, found.split_names, strict=True):
        splits_of[clip.group].add(split)
    torn = sorted(group for group, names in splits_of.items() if len(names) > 1)
    if torn:
        yield Finding(
            level="warning",
            what=f"more than one split holds clips of {_counted(len(torn), 'group')} of footage, by names like _g01_ "
            f"or the CSV, '{torn[0]}' for one: the score is for recordings that the model knows",
            mend="keep all clips of a group in one split",
        )


def _two_labels(pairs: Iterable[ClipPair]) -> Iterable[Finding]:
    torn = [pair for pair in pairs if pair.kind in COPIES and pair.labels[0] != pair.labels[1]]
    if torn:
        first = torn[0]
        yield Finding(
            level="warning",
            what=f"the same footage has two labels in {_counted(len(torn), 'pair')} of clips: "
            f"{Path(first.videos[0]).name} is '{first.labels[0]}' and {Path(first.videos[1]).name} '{first.labels[1]}'",
            mend="decide for one label and remove the other clip",
        )


def _alike_labels(report: DataReport) -> Iterable[Finding]:
    for first, second in look_alike(list(report.counts)):
        sizes = {label: sum(report.counts[label].values()) for label in (first, second)}
        rare, common = sorted(sizes, key=lambda label: sizes[label])
        yield Finding(
            level="warning",
            what=f"the labels '{rare}' ({_counted(sizes[rare], 'clip')}) and '{common}' "
            f"({_counted(sizes[common], 'clip')}) look like one, misspelt",
            mend=f"if they are one, move the clips of '{rare}' to '{common}'",
        )


def _unreadable_and_cut(report: DataReport) -> Iterable[Finding]:
    if report.unreadable:
        yield Finding(
            level="warning",
            what=f"{_counted(len(report.unreadable), 'clip')} cannot be read and will be left out",
            mend="convert or remove them; the list below says what is wrong with each",
        )
    if report.truncated:
        yield Finding(
            level="warning",
            what=f"the end is missing of {_counted(len(report.truncated), 'clip')}, by a tenth or more of what the "
            f"header promises: {_some(report.truncated)}",
            mend="copy them again; what is there is used",
        )


def _told_by_encoding(report: DataReport) -> Iterable[Finding]:
    for tell in report.tells:
        inside, outside = (
            f"{significant(low)} to {significant(high)}" if low != high else significant(low)
            for low, high in (tell.inside, tell.outside)
        )
        yield Finding(
            level="warning",
            what=f"'{tell.label}' can be told by {tell.feature} alone (area under the curve {tell.auc:.2f}): {inside}, "
            f"all other labels {outside}",
            mend="record or re-encode all labels alike, else the model may learn the camera or the encoder",
        )
    guess = report.encoding
    if guess is not None and guess.far_above_chance:
        low, high = guess.interval
        yield Finding(
            level="warning",
            what=f"file size, bit rate, frame rate and the like alone tell the label of {guess.accuracy:.0%} of the "
            f"training clips (95 % interval {low:.0%} to {high:.0%}; the most frequent label: {guess.majority:.0%})",
            mend="hold the model's score against this, not against chance; record or re-encode all labels alike",
        )


def _sizes(report: DataReport) -> Iterable[Finding]:
    sizes = {label: by_split["train"] for label, by_split in report.counts.items() if by_split["train"]}
    if sizes:
        rare, common = min(sizes, key=lambda label: sizes[label]), max(sizes, key=lambda label: sizes[label])
        if sizes[common] > _UNEVEN * sizes[rare]:
            yield Finding(
                level="warning",
                what=f"train has {sizes[common]} clips of '{common}' and {sizes[rare]} of '{rare}': it will favour "
                f"'{common}'",
                mend="add clips of the rare label, or weigh labels in training; judge by the accuracy per label",
            )
    test = sum(by_split["test"] for by_split in report.counts.values())
    if 0 < test < _FEW:
        low, high = wilson_interval(round(0.8 * test), test)
        yield Finding(
            level="note",
            what=f"test has {test} clips: an accuracy of 80 % on them may be {low:.0%} to {high:.0%} in truth",
            mend="more test clips narrow it with the square root of their number",
        )


def _lengths(report: DataReport, *, clip_seconds: float) -> Iterable[Finding]:
    if report.short:
        yield Finding(
            level="note",
            what=f"frames are repeated in {len(report.short)} of {len(report.clips)} clips, since the model's window "
            f"is longer ({clip_seconds:.2f} s)",
            mend="a smaller --clip-seconds fits if most are",
        )
    single = [row.video for row in report.clips if row.frames == 1]
    if single:
        yield Finding(
            level="warning",
            what=f"there is a single frame in {_counted(len(single), 'clip')}: {_some(single)}",
            mend="remove them: there is no motion to learn",
        )


def _copies_within(pairs: Iterable[ClipPair]) -> Iterable[Finding]:
    for split in SPLITS:
        inside = [pair for pair in pairs if pair.kind in COPIES and pair.splits == (split, split)]
        if inside:
            yield Finding(
                level="note",
                what=f"{split} holds the same footage twice in {_counted(len(inside), 'pair')} of clips",
                mend="harmless in small numbers",
            )


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _some(videos: Sequence[str]) -> str:
    names = ", ".join(Path(video).name for video in videos[:3])
    return names if len(videos) <= 3 else f"{names} and {len(videos) - 3} more"
