"""Groups of footage that turn out to be one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from vidcls_train.data.clip_list import Clip


def join_groups(clips: Sequence[Clip], pairs: Iterable[tuple[int, int]]) -> list[Clip]:
    """The same clips with the groups of each pair made one.

    Args:
        clips: with their groups.
        pairs: of clips, by their index.

    Example:
        >>> from pathlib import Path
        >>> clips = [Clip(path=Path(f"{group}.mp4"), labels=("jump",), group=group) for group in "abcd"]
        >>> [clip.group for clip in join_groups(clips, [(2, 1), (2, 3)])]
        ['a', 'b', 'b', 'b']
    """
    parents = {clip.group: clip.group for clip in clips}

    def root(group: str) -> str:
        while parents[group] != group:
            parents[group] = parents[parents[group]]
            group = parents[group]
        return group

    for pair in pairs:
        first, second = sorted(root(clips[index].group) for index in pair)
        parents[second] = first
    return [dataclasses.replace(clip, group=root(clip.group)) for clip in clips]
