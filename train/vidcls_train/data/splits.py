"""Labelled videos -> train, val and test, with footage of one group kept together."""

from __future__ import annotations

import warnings
from collections import Counter

from sklearn.model_selection import StratifiedGroupKFold

from vidcls_train.data.clip_list import SPLITS, Clip, ClipList, DataError, Splits


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
        ...     Clip(path=Path(f"{label}{number}.mp4"), label=label, group=f"{label}{number // 2}")
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
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    names = ["train"] * len(clips)
    with warnings.catch_warnings():
        # It warns of labels with fewer clips than folds; _check_sizes has the say on them.
        warnings.simplefilter("ignore", UserWarning)
        parts = list(splitter.split(clips, [clip.label for clip in clips], groups))
    for split, (_, held_out) in zip(("val", "test"), parts, strict=False):
        for index in held_out:
            names[index] = split
    return names


def _check_sizes(clips: list[Clip], *, folds: int, val_fraction: float) -> None:
    """Raise where a label cannot be in all three splits, or none has the clips that StratifiedGroupKFold wants."""
    sizes = Counter(clip.label for clip in clips)
    groups = Counter(label for label, _ in {(clip.label, clip.group) for clip in clips})
    label = min(sizes, key=lambda name: (groups[name], name))
    needed = folds if max(sizes.values()) < folds else len(SPLITS)
    if groups[label] < needed:
        larger = ", a larger --val-fraction" if needed > len(SPLITS) else ""
        raise DataError(
            f"the label '{label}' has {sizes[label]} clips in {groups[label]} groups of footage, too few to set aside "
            f"{val_fraction:.0%} for validation and for test, which takes {needed} groups; "
            f"give more clips{larger}, or folders train/, val/ and test/"
        )
