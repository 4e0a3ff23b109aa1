"""Labelled videos -> train, val and test, with footage of one group kept together."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence

from sklearn.model_selection import StratifiedGroupKFold

from vidcls_train.data.clip_list import NONE_LABEL, SPLITS, Clip, ClipList, DataError, Splits


def split_clips(found: ClipList, *, val_fraction: float, seed: int) -> Splits:
    """The clips by split: as DATA has them, or split here so that clips of one group stay together.

    Args:
        val_fraction: share of the clips for validation, and again for test, where DATA has no splits.
        seed: of that split.

    Raises:
        DataError: too few clips or groups to split, or none in 'train' or 'val'.

    Example:
        >>> from pathlib import Path
        >>> clips = [
        ...     Clip(path=Path(f"{label}{number}.mp4"), labels=(label,), group=f"{label}{number // 2}")
        ...     for label in ("jump", "wave")
        ...     for number in range(20)
        ... ]
        >>> found = ClipList(name="clips", clips=clips, split_names=None, empty=[])
        >>> splits = split_clips(found, val_fraction=0.2, seed=0)
        >>> len(splits.train), len(splits.val), len(splits.test)
        (24, 8, 8)
        >>> {clip.group for clip in splits.train} & {clip.group for clip in splits.val}
        set()
    """
    split_names = found.split_names
    if split_names is None:
        split_names = _split_by_group(found.clips, val_fraction=val_fraction, seed=seed)
    by_split = {
        split: [clip for clip, name in zip(found.clips, split_names, strict=True) if name == split] for split in SPLITS
    }
    for split in ("train", "val"):
        if not by_split[split]:
            raise DataError(f"{found.name}: holds no videos for '{split}'; training needs 'train' and 'val'")
    return Splits(labels=found.labels, train=by_split["train"], val=by_split["val"], test=by_split["test"])


def _split_by_group(clips: list[Clip], *, val_fraction: float, seed: int) -> list[str]:
    """A split name per clip: groups stay whole, labels keep their shares as well as groups allow."""
    folds = max(3, round(1 / val_fraction))
    groups = [clip.group for clip in clips]
    if len(set(groups)) < folds:
        raise DataError(
            f"the data has {len(set(groups))} groups of footage, too few to set aside {val_fraction:.0%} for "
            "validation and for test; give more clips, a larger --val-fraction, or folders train/, val/ and test/"
        )
    _check_sizes(clips, folds=folds, val_fraction=val_fraction)
    by = strata(clips)
    if max(Counter(by).values()) < folds:  # of several labels a clip; it would refuse to
        by = [NONE_LABEL] * len(clips)
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    names = ["train"] * len(clips)
    with warnings.catch_warnings():
        # It warns of labels with fewer clips than folds; _check_sizes has the say on them.
        warnings.simplefilter("ignore", UserWarning)
        parts = list(splitter.split(clips, by, groups))
    for split, (_, held_out) in zip(("val", "test"), parts, strict=False):
        for index in held_out:
            names[index] = split
    return names


def strata(clips: Sequence[Clip]) -> list[str]:
    """By what splits keep their shares of the clips: each one's label, or the rarest of several.

    Example:
        >>> from pathlib import Path
        >>> shown = (("jump",), ("jump", "wave"), ("jump",), ())
        >>> strata([Clip(path=Path("a.mp4"), labels=labels, group="a") for labels in shown])
        ['jump', 'wave', 'jump', '_none']
    """
    sizes = Counter(label for clip in clips for label in clip.labels)
    return [min(clip.labels or (NONE_LABEL,), key=lambda label: (sizes[label], label)) for clip in clips]


def _check_sizes(clips: list[Clip], *, folds: int, val_fraction: float) -> None:
    """Raise where a label cannot be in all three splits, or none has the clips that StratifiedGroupKFold wants."""
    sizes = Counter(label for clip in clips for label in clip.labels)
    groups = Counter(label for label, _ in {(label, clip.group) for clip in clips for label in clip.labels})
    label = min(sizes, key=lambda name: (groups[name], name))
    needed = folds if max(sizes.values()) < folds else len(SPLITS)
    if groups[label] < needed:
        larger = ", a larger --val-fraction" if needed > len(SPLITS) else ""
        raise DataError(
            f"the label '{label}' has {sizes[label]} clips in {groups[label]} groups of footage, too few to set aside "
            f"{val_fraction:.0%} for validation and for test, which takes {needed} groups; "
            f"give more clips{larger}, or folders train/, val/ and test/"
        )
