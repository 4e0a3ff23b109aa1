"""The data, checked before a step is trained: what cannot be read, is too little, leaks, or gives labels away."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from vidcls.contract import ClipFingerprints
from vidcls.errors import VideoError
from vidcls.progress import Track, untracked
from vidcls_train.audit.data_report import ClipPair, ClipRow, DataReport, copied
from vidcls_train.audit.duplicates import COPIES, Pair, find_pairs
from vidcls_train.audit.findings import collect_findings
from vidcls_train.audit.grouping import split_by_footage
from vidcls_train.audit.known_clips import known_clips
from vidcls_train.audit.probe import ClipInfo, probe
from vidcls_train.audit.shortcuts import cross_validate, find_shortcuts, predict_labels
from vidcls_train.data.clip_list import NONE_LABEL, SPLITS, Clip, ClipList, DataError, Footage, Splits
from vidcls_train.data.frame_cache import CachedVideo, FrameCache
from vidcls_train.data.opening import open_each
from vidcls_train.data.splits import lacks_val

# Of a clip of which less than this share can be decoded, the end is missing.
_TRUNCATED_SHARE = 0.9

# Of a camera that never moves every pair is of one scene: so many of them are listed.
_SCENES_LISTED = 1000


@dataclass(frozen=True, kw_only=True)
class DataCheck:
    """Readable clips by split, and what was found.

    copies: {"val", "test": those of its clips whose footage is in train as well, or that the base or the teacher
    knows}.
    encoding_predictions: the labels of the test clips as predicted from encodings alone, in their order;
    None where there are too few to learn from.
    cached: the clips that were decoded into the cache, all of train's among them if there was a cache.
    fingerprints: of every readable clip, see `vidcls.fingerprint`.
    """

    splits: Splits
    copies: dict[str, list[Footage]]
    encoding_predictions: list[str] | None
    report: DataReport
    cached: dict[Footage, CachedVideo]
    fingerprints: dict[Footage, bytes]


@dataclass(frozen=True, kw_only=True)
class _Probed:
    """What is known of the readable clips once they are split.

    readable: with DATA's own splits, if it has any, and a val made of its train where it has none. infos, split_names:
    one per clip of it. pairs: all of them.
    """

    readable: ClipList
    infos: list[ClipInfo]
    splits: Splits
    split_names: list[str]
    pairs: list[ClipPair]

    def train(self) -> tuple[list[ClipInfo], list[str], list[str]]:
        """Of the training clips: how they are encoded, their labels, their groups."""
        clips = self.splits.train
        return self.of(clips), [clip.label for clip in clips], [clip.group for clip in clips]

    def of(self, clips: Sequence[Clip]) -> list[ClipInfo]:
        """How these clips are encoded."""
        by_footage = {info.footage: info for info in self.infos}
        return [by_footage[clip.footage] for clip in clips]

    def predictions(self) -> list[str] | None:
        """The labels of the test clips by their encodings alone, as `DataCheck` has them."""
        infos, labels, _ = self.train()
        return predict_labels(infos, labels, self.of(self.splits.test))

    def fingerprints(self) -> dict[Footage, bytes]:
        """Those that a contract holds, of every readable clip."""
        return {info.footage: info.contract_fingerprint for info in self.infos}


def check_clips(
    found: ClipList,
    *,
    val_fraction: float,
    seed: int,
    clip_seconds: float,
    known_to: Sequence[ClipFingerprints | None] = (),
    cache: FrameCache | None = None,
    track: Track = untracked,
) -> DataCheck:
    """Decode each clip once, and split those that can be read with copies kept together.

    Args:
        found: as `find_clips` gives it.
        val_fraction: as for `split_clips`.
        seed: as for `split_clips`.
        clip_seconds: length of the model's window.
        known_to: what the base and the teacher say that they know.
        cache: that the clips which may be trained on are decoded into, in the same pass; None: frames are not kept.
        track: shows the progress.

    Raises:
        DataError: not one clip can be read, or there are too few to split.
    """
    readable, infos, unreadable = _probe_each(found, cache, track)
    pairs = [_without_empty_copies(pair, readable.clips) for pair in find_pairs(infos)]
    if lacks_val(readable) and not lacks_val(found):
        raise DataError(f"{found.name}: not one of its videos for 'val' can be read; {unreadable[0]['message']}")
    splits, torn_scenes = split_by_footage(readable, pairs, val_fraction=val_fraction, seed=seed)
    split_names = _split_names(readable, splits)
    if readable.split_names is not None:
        readable = dataclasses.replace(readable, split_names=split_names)
    probed = _Probed(
        readable=readable,
        infos=infos,
        splits=splits,
        split_names=split_names,
        pairs=[_named(pair, readable.clips, split_names) for pair in pairs],
    )
    known = known_clips(splits, probed.fingerprints(), known_to)
    report = _report(found, probed, unreadable, known=known, clip_seconds=clip_seconds)
    findings = collect_findings(report, probed.pairs, readable, torn_scenes=torn_scenes, clip_seconds=clip_seconds)
    return DataCheck(
        splits=splits,
        copies={split: sorted({*copied(probed.pairs, split), *clips}, key=str) for split, clips in known.items()},
        encoding_predictions=probed.predictions(),
        report=dataclasses.replace(report, findings=findings),
        cached={info.footage: info.cached for info in infos if info.cached is not None},
        fingerprints=probed.fingerprints(),
    )


def _probe_each(
    found: ClipList, cache: FrameCache | None, track: Track
) -> tuple[ClipList, list[ClipInfo], list[dict[str, str]]]:
    """The readable clips, how each is encoded, and {"video", "split", "label", "message"} of the others.

    "" is a split not yet made.
    """
    splits = found.split_names or [""] * len(found.clips)
    trainable = {clip.footage for clip, split in zip(found.clips, splits, strict=True) if split in ("train", "")}

    def probe_one(footage: Footage) -> ClipInfo:
        return probe(*footage, cache=cache if footage in trainable else None)

    results = open_each([clip.footage for clip in found.clips], probe_one, label="checking the data", track=track)
    infos = [result for result in results if not isinstance(result, VideoError)]
    unreadable = [
        {"video": str(clip.footage), "split": split, "label": clip.label, "message": str(result)}
        for clip, split, result in zip(found.clips, splits, results, strict=True)
        if isinstance(result, VideoError)
    ]
    if not infos:
        raise DataError(
            f"{found.name}: not one of its {len(found.clips)} videos can be read; {unreadable[0]['message']}"
        )
    kept = [index for index, result in enumerate(results) if not isinstance(result, VideoError)]
    names = None if found.split_names is None else [found.split_names[index] for index in kept]
    clips = [found.clips[index] for index in kept]
    return dataclasses.replace(found, clips=clips, split_names=names), infos, unreadable


def _split_names(readable: ClipList, splits: Splits) -> list[str]:
    """Of every clip: as DATA has them, but for what was made here."""
    made = {clip.footage: split for split in SPLITS for clip in getattr(splits, split)}
    if readable.split_names is None:
        return [made[clip.footage] for clip in readable.clips]
    moved = {clip.footage for clip in splits.val} if lacks_val(readable) else set()
    return [
        "val" if name == "train" and clip.footage in moved else name
        for clip, name in zip(readable.clips, readable.split_names, strict=True)
    ]


def _without_empty_copies(pair: Pair, clips: Sequence[Clip]) -> Pair:
    """Of two clips that show none of the labels, like pictures are no copy: nothing happens in either."""
    shown = {label for index in (pair.first, pair.second) for label in clips[index].labels} - {NONE_LABEL}
    return pair if shown or pair.kind == "same file" else dataclasses.replace(pair, kind="same scene")


def _report(
    found: ClipList,
    probed: _Probed,
    unreadable: list[dict[str, str]],
    *,
    known: dict[str, list[Footage]],
    clip_seconds: float,
) -> DataReport:
    """All that was found, without findings."""
    clips, infos, splits = probed.readable.clips, probed.infos, probed.splits
    labels = sorted({*found.labels, *(label for _, label in found.empty)})
    counts = {label: dict.fromkeys(SPLITS, 0) for label in labels}
    for clip, split in zip(clips, probed.split_names, strict=True):
        for label in clip.labels:
            counts[label][split] += 1
    train_infos, train_labels, train_groups = probed.train()
    return DataReport(
        data=found.name,
        split_here=found.split_names is None,
        val_here=lacks_val(found),
        groups=len({clip.group for clip in [*splits.train, *splits.val, *splits.test]}),
        counts=counts,
        clips=[_row(clip, info, split) for clip, info, split in zip(clips, infos, probed.split_names, strict=True)],
        unreadable=unreadable,
        short=[str(info.footage) for info in infos if info.seconds < clip_seconds],
        truncated=[str(info.path) for info in _one_a_file(infos) if info.decoded_share < _TRUNCATED_SHARE],
        pairs=_listed(probed.pairs),
        pair_counts=dict(Counter(str(pair.kind) for pair in probed.pairs)),
        known={split: list(map(str, footage)) for split, footage in known.items()},
        encoding=cross_validate(train_infos, train_labels, train_groups),
        tells=find_shortcuts(train_infos, train_labels),
        findings=[],
    )


def _one_a_file(infos: Sequence[ClipInfo]) -> list[ClipInfo]:
    return list({info.path: info for info in infos}.values())


def _listed(pairs: Sequence[ClipPair]) -> list[ClipPair]:
    """All copies, and the first scenes."""
    scenes = [pair for pair in pairs if pair.kind not in COPIES]
    return [pair for pair in pairs if pair.kind in COPIES] + scenes[:_SCENES_LISTED]


def _named(pair: Pair, clips: Sequence[Clip], split_names: Sequence[str]) -> ClipPair:
    both = clips[pair.first], clips[pair.second]
    return ClipPair(
        kind=pair.kind,
        videos=(str(both[0].footage), str(both[1].footage)),
        files=(str(both[0].path), str(both[1].path)),
        stretches=(both[0].stretch, both[1].stretch),
        splits=(split_names[pair.first], split_names[pair.second]),
        labels=(both[0].label, both[1].label),
        similarity=pair.similarity,
        motion=pair.motion,
    )


def _row(clip: Clip, info: ClipInfo, split: str) -> ClipRow:
    return ClipRow(
        video=str(clip.footage),
        split=split,
        label=clip.label,
        labels=clip.labels,
        seconds=info.seconds,
        frames=info.frames,
        width=info.width,
        height=info.height,
        frame_rate=info.frame_rate,
        kbit_per_second=info.bits_per_second / 1000,
        codec=info.codec,
    )
