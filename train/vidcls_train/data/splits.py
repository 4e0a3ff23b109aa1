"""Labelled videos -> train, val and test, with footage of one group kept together."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence

from vidcls_train.data.clip_list import NONE_LABEL, SPLITS, Clip, ClipList, DataError, Splits


def split_clips(found: ClipList, *, val_fraction: float, seed: int) -> Splits:
    """The clips by split: as DATA has them, or split here so that clips of one group stay together.

    Args:
        val_fraction: share of the clips for validation, and again for test, where DATA has no splits; of train's clips
            for validation, where DATA has splits without val.
        seed: of that split.

    Raises:
        DataError: too few clips or groups to split, or none in 'train'.

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
        split_names = _split_by_group(found.clips, names=("val", "test"), val_fraction=val_fraction, seed=seed)
    elif lacks_val(found):
        split_names = _with_val(found.clips, split_names, val_fraction=val_fraction, seed=seed)
    by_split = {
        split: [clip for clip, name in zip(found.clips, split_names, strict=True) if name == split] for split in SPLITS
    }
    if not by_split["train"]:
        raise DataError(f"{found.name}: holds no videos for 'train'")
    return Splits(labels=found.labels, train=by_split["train"], val=by_split["val"], test=by_split["test"])


def lacks_val(found: ClipList) -> bool:
    """Whether DATA has splits, and val is none of them: it is then made of clips of train, and never of test's."""
    return found.split_names is not None and "val" not in found.split_names


def check_sizes(found: ClipList, *, val_fraction: float) -> None:
    """Refuse what `split_clips` would refuse, without splitting.

    Raises:
        DataError: too few clips or groups to split, or none in 'train'.
    """
    if found.split_names is None:
        _check_sizes(found.clips, made=2, val_fraction=val_fraction)
        return
    train = [clip for clip, name in zip(found.clips, found.split_names, strict=True) if name == "train"]
    if not train:
        raise DataError(f"{found.name}: holds no videos for 'train'")
    if lacks_val(found):
        _check_sizes(train, made=1, val_fraction=val_fraction)


def _with_val(clips: list[Clip], split_names: list[str], *, val_fraction: float, seed: int) -> list[str]:
    """The split names with some of train's clips in val."""
    train = [index for index, name in enumerate(split_names) if name == "train"]
    made = _split_by_group([clips[index] for index in train], names=("val",), val_fraction=val_fraction, seed=seed)
    names = list(split_names)
    for index, name in zip(train, made, strict=True):
        names[index] = name
    return names


def _split_by_group(clips: list[Clip], *, names: tuple[str, ...], val_fraction: float, seed: int) -> list[str]:
    """A split name per clip, train or one of `names`: groups stay whole, labels keep their shares as groups allow."""
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415 - it takes a second

    folds = _folds(len(names), val_fraction)
    _check_sizes(clips, made=len(names), val_fraction=val_fraction)
    by = strata(clips)
    if max(Counter(by).values()) < folds:  # of several labels a clip; it would refuse to
        by = [NONE_LABEL] * len(clips)
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    made = ["train"] * len(clips)
    with warnings.catch_warnings():
        # It warns of labels with fewer clips than folds; _check_sizes has the say on them.
        warnings.simplefilter("ignore", UserWarning)
        parts = list(splitter.split(clips, by, [clip.group for clip in clips]))
    for split, (_, held_out) in zip(names, parts, strict=False):
        for index in held_out:
            made[index] = split
    return made


def _folds(made: int, val_fraction: float) -> int:
    """How many parts of the size of val the clips are cut into, so many of which are val and test."""
    return max(made + 1, round(1 / val_fraction))


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


def _check_sizes(clips: list[Clip], *, made: int, val_fraction: float) -> None:
    """Raise where a label cannot be in train and the splits that are made, or none has the clips that folds want."""
    folds = _folds(made, val_fraction)
    what, folders = ("validation and for test", "train/, val/ and test/") if made == 2 else ("validation", "val/")
    mend = f"or {'folders' if made == 2 else 'a folder'} {folders}"
    footage = len({clip.group for clip in clips})
    if footage < folds:
        raise DataError(
            f"the data has {footage} groups of footage{'' if made == 2 else ' in train'}, too few to set aside "
            f"{val_fraction:.0%} for {what}; give more clips, a larger --val-fraction, {mend}"
        )
    sizes = Counter(label for clip in clips for label in clip.labels)
    groups = Counter(label for label, _ in {(label, clip.group) for clip in clips for label in clip.labels})
    label = min(sizes, key=lambda name: (groups[name], name))
    needed = folds if max(sizes.values()) < folds else made + 1
    if groups[label] < needed:
        larger = ", a larger --val-fraction" if needed > made + 1 else ""
        raise DataError(
            f"the label '{label}' has {sizes[label]} clips in {groups[label]} groups of footage, too few to set aside "
            f"{val_fraction:.0%} for {what}, which takes {needed} groups; give more clips{larger}, {mend}"
        )
