"""Splits that keep copies of one footage, and clips of one scene, together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from vidcls_train.audit.duplicates import COPIES, Pair
from vidcls_train.data.clip_list import ClipList, DataError, Splits
from vidcls_train.data.footage_groups import join_groups
from vidcls_train.data.splits import lacks_val, split_clips


def split_by_footage(
    readable: ClipList, pairs: Sequence[Pair], *, val_fraction: float, seed: int
) -> tuple[Splits, bool]:
    """Splits in which copies, and scenes if that can be, count as one group; and whether scenes had to be torn.

    Args:
        readable: the clips; where they have splits, these are kept, and val, if it is none of them, is made of train's.
        pairs: of clips, by their index, as `find_pairs` gives them.
        val_fraction: as for `split_clips`.
        seed: as for `split_clips`.

    Raises:
        DataError: there are too few clips or groups to split.
    """
    joined = _join(readable, [pair for pair in pairs if pair.kind in COPIES])
    if readable.split_names is not None and not lacks_val(readable):
        return split_clips(joined, val_fraction=val_fraction, seed=seed), False
    if any(pair.kind not in COPIES for pair in pairs):
        try:
            splits = split_clips(_join(readable, pairs), val_fraction=val_fraction, seed=seed)
        except DataError:
            pass  # too few scenes
        else:
            made = [splits.val] if readable.split_names is not None else [splits.val, splits.test]
            if max(map(len, made)) <= 2 * val_fraction * (len(splits.train) + sum(map(len, made))):
                return splits, False
        return split_clips(joined, val_fraction=val_fraction, seed=seed), True
    return split_clips(joined, val_fraction=val_fraction, seed=seed), False


def _join(found: ClipList, pairs: Iterable[Pair]) -> ClipList:
    """The same clips with the groups of each pair made one."""
    return dataclasses.replace(found, clips=join_groups(found.clips, [(pair.first, pair.second) for pair in pairs]))
