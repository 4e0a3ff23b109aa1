"""The data, checked before a step is trained: what cannot be read, is too little, torn apart, or tells too much."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from vidcls.cli import terminal
from vidcls.cpus import usable_cpus
from vidcls.errors import VideoError
from vidcls_train.audit.duplicates import Pair, find_pairs
from vidcls_train.audit.encoding import find_tells, guess_held_out, guess_labels
from vidcls_train.audit.findings import COPIES, ClipPair, ClipRow, DataReport, copied, find_findings
from vidcls_train.audit.footage import Footage, look_at
from vidcls_train.data.sources import SPLITS, Clip, DataError, Found, Splits, split_clips

# A header's frame count is often a few too high; this much means that the end is missing.
_TRUNCATED_SHARE, _TRUNCATED_FRAMES = 0.9, 5

# Of a camera that never moves every pair is of one scene: so many of them are listed.
_SCENES_LISTED = 1000


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Readable clips by split, and what was found.

    copies: {"val", "test": its clips whose footage is in train as well}.
    guesses: the labels of the test clips as guessed from encodings alone, in their order;
    None where there are too few to learn from.
    """

    splits: Splits
    copies: dict[str, list[Path]]
    guesses: list[str] | None
    report: DataReport


def check_clips(found: Found, *, val_fraction: float, seed: int, clip_seconds: float) -> Checked:
    """Decode each clip once, and split those that can be read with copies kept together.

    Args:
        found: as `find_clips` gives it.
        val_fraction, seed: as for `split_clips`.
        clip_seconds: length of the model's window.

    Raises:
        DataError: not one clip can be read, or there are too few to split.
    """
    seen, unreadable = _look_at_each(found)
    readable = [index for index, clip in enumerate(found.clips) if clip.path in seen]
    clips = [found.clips[index] for index in readable]
    if not clips:
        raise DataError(
            f"{found.name}: not one of its {len(found.clips)} videos can be read; {unreadable[0]['message']}"
        )
    footage = [seen[clip.path] for clip in clips]
    pairs = find_pairs(footage)
    names = None if found.split_names is None else [found.split_names[index] for index in readable]
    usable = dataclasses.replace(found, clips=clips, split_names=names)
    splits, torn_scenes = _split(usable, pairs, val_fraction=val_fraction, seed=seed)
    if names is None:
        split_of = {clip.path: split for split in SPLITS for clip in getattr(splits, split)}
        names = [split_of[clip.path] for clip in clips]
    labels = sorted({*found.labels, *(label for _, label in found.empty)})
    counts = {label: dict.fromkeys(SPLITS, 0) for label in labels}
    for clip, split in zip(clips, names, strict=True):
        counts[clip.label][split] += 1
    named_pairs = [_named(pair, clips, names) for pair in pairs]
    train_labels = [clip.label for clip in splits.train]
    train_footage = [seen[clip.path] for clip in splits.train]
    held_out = [seen[clip.path] for clip in splits.test]
    copies = {split: copied(named_pairs, split) for split in ("val", "test")}
    report = DataReport(
        data=found.name,
        split_here=found.split_names is None,
        groups=len({clip.group for clip in [*splits.train, *splits.val, *splits.test]}),
        counts=counts,
        clips=[_row(clip, one, split) for clip, one, split in zip(clips, footage, names, strict=True)],
        unreadable=unreadable,
        short=[str(one.path) for one in footage if one.seconds < clip_seconds],
        truncated=[str(one.path) for one in footage if _is_truncated(one)],
        pairs=[pair for pair in named_pairs if pair.kind in COPIES]
        + [pair for pair in named_pairs if pair.kind not in COPIES][:_SCENES_LISTED],
        pair_counts=dict(Counter(str(pair.kind) for pair in pairs)),
        encoding=guess_labels(train_footage, train_labels, [clip.group for clip in splits.train]),
        tells=find_tells(train_footage, train_labels),
        findings=[],
    )
    findings = find_findings(report, named_pairs, usable, torn_scenes=torn_scenes, clip_seconds=clip_seconds)
    return Checked(
        splits=splits,
        copies={split: [Path(video) for video in videos] for split, videos in copies.items()},
        guesses=guess_held_out(train_footage, train_labels, held_out),
        report=dataclasses.replace(report, findings=findings),
    )


def _look_at_each(found: Found) -> tuple[dict[Path, Footage], list[dict[str, str]]]:
    """Every readable clip, and {"video", "split", "label", "message"} of the others; "" is a split not yet made."""

    def attempt(clip: Clip) -> Footage | VideoError:
        try:
            return look_at(clip.path)
        except VideoError as error:
            return error

    seen, unreadable = {}, []
    splits = found.split_names or [""] * len(found.clips)
    with ThreadPoolExecutor(usable_cpus()) as pool:
        looks = zip(found.clips, splits, pool.map(attempt, found.clips), strict=True)
        with terminal.progress(looks, label="checking the data", length=len(found.clips)) as bar:
            for clip, split, look in bar:
                if isinstance(look, VideoError):
                    terminal.note(f"unreadable: {look}")
                    unreadable.append(
                        {"video": str(clip.path), "split": split, "label": clip.label, "message": str(look)}
                    )
                else:
                    seen[clip.path] = look
    return seen, unreadable


def _split(usable: Found, pairs: Sequence[Pair], *, val_fraction: float, seed: int) -> tuple[Splits, bool]:
    """Splits in which copies, and scenes if that can be, count as one group; and whether scenes had to be torn."""
    joined = _joined(usable, [pair for pair in pairs if pair.kind in COPIES])
    if usable.split_names is not None:
        return split_clips(joined, val_fraction=val_fraction, seed=seed), False
    if len(joined.clips) and any(pair.kind not in COPIES for pair in pairs):
        try:
            splits = split_clips(_joined(usable, pairs), val_fraction=val_fraction, seed=seed)
        except DataError:
            pass  # too few scenes
        else:
            largest = max(len(splits.val), len(splits.test))
            if largest <= 2 * val_fraction * len(usable.clips):
                return splits, False
        return split_clips(joined, val_fraction=val_fraction, seed=seed), True
    return split_clips(joined, val_fraction=val_fraction, seed=seed), False


def _joined(found: Found, pairs: Iterable[Pair]) -> Found:
    """The same clips with the groups of each pair made one."""
    parents = {clip.group: clip.group for clip in found.clips}

    def root(group: str) -> str:
        while parents[group] != group:
            parents[group] = parents[parents[group]]
            group = parents[group]
        return group

    for pair in pairs:
        first, second = sorted((root(found.clips[pair.first].group), root(found.clips[pair.second].group)))
        parents[second] = first
    return dataclasses.replace(found, clips=[dataclasses.replace(clip, group=root(clip.group)) for clip in found.clips])


def _named(pair: Pair, clips: Sequence[Clip], split_names: Sequence[str]) -> ClipPair:
    both = clips[pair.first], clips[pair.second]
    return ClipPair(
        kind=pair.kind,
        videos=(str(both[0].path), str(both[1].path)),
        splits=(split_names[pair.first], split_names[pair.second]),
        labels=(both[0].label, both[1].label),
        similarity=pair.similarity,
        motion=pair.motion,
    )


def _row(clip: Clip, footage: Footage, split: str) -> ClipRow:
    return ClipRow(
        video=str(clip.path),
        split=split,
        label=clip.label,
        seconds=footage.seconds,
        frames=footage.frames,
        width=footage.width,
        height=footage.height,
        frame_rate=footage.frame_rate,
        kbit_per_second=footage.bits_per_second / 1000,
        codec=footage.codec,
    )


def _is_truncated(footage: Footage) -> bool:
    missing = footage.promised_frames - footage.frames
    return missing >= _TRUNCATED_FRAMES and footage.frames < _TRUNCATED_SHARE * footage.promised_frames
