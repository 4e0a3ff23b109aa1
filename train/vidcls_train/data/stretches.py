"""Labelled stretches of long videos: what a CSV says of them, and the clips that the rest of each video makes."""

from __future__ import annotations

import dataclasses
import math
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from vidcls_train.data.clip_list import Clip, DataError
from vidcls_train.data.footage_groups import join_groups


def seconds_of(text: str, name: str, *, where: str) -> float:
    """A column's number of seconds.

    Raises:
        DataError: it is not a number, or negative.

    Example:
        >>> seconds_of("12.5", "start", where="long.csv: line 2")
        12.5
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise DataError(f"{where} has {name} '{text}', expected seconds after the video's first frame, from 0 on")
    return seconds


def by_video(clips: Sequence[Clip]) -> list[Clip]:
    """The same stretches, those of one file under one path and in one group, however their rows spell and group it.

    What is known of a video, where its stretches overlap, what they leave of it, which split it is in, goes by both.
    """
    first_of: dict[str, int] = {}
    firsts = [first_of.setdefault(_file(clip.path), index) for index, clip in enumerate(clips)]
    spelt = [dataclasses.replace(clip, path=clips[first].path) for clip, first in zip(clips, firsts, strict=True)]
    return join_groups(spelt, [(first, index) for index, first in enumerate(firsts)])


def _file(path: Path) -> str:
    try:
        return os.path.realpath(path)  # Path.resolve raises where links go round in circles
    except ValueError:  # no name that a file can have, as whoever opens it says
        return str(path)


def check_stretches(clips: Sequence[Clip], split_names: Sequence[str] | None, *, table: Path) -> None:
    """Check what rows say of stretches, as far as the videos need not be opened for it.

    Args:
        clips: one per row, in the rows' order, as `by_video` gives them.
        split_names: one per row, if the CSV has splits.
        table: the CSV, for messages.

    Raises:
        DataError: a stretch ends before it begins, two of a video overlap and show different things, or a video's are
            in several splits; names the lines.
    """
    of_video: dict[Path, list[tuple[float, float, int]]] = defaultdict(list)
    for row, clip in enumerate(clips):
        start, end = clip.stretch or (0.0, 0.0)
        if end <= start:
            raise DataError(
                f"{table}: line {row + 2} ends at {end:g} s, expected an end after its start at {start:g} s"
            )
        of_video[clip.path].append((start, end, row))
    for video, stretches in of_video.items():
        _check_overlaps(sorted(stretches), clips, table=table)
        if split_names is not None:
            _check_split(video, sorted(row for _, _, row in stretches), split_names, table=table)


def _check_overlaps(stretches: Sequence[tuple[float, float, int]], clips: Sequence[Clip], *, table: Path) -> None:
    """`stretches` of one video, by their start."""
    for number, (_, end, row) in enumerate(stretches):
        for later_start, _, later_row in stretches[number + 1 :]:
            if later_start >= end:
                break
            if clips[row].labels != clips[later_row].labels:
                first, second = sorted((row, later_row))
                raise DataError(
                    f"{table}: lines {first + 2} ('{clips[first].label}') and {second + 2} ('{clips[second].label}') "
                    "overlap; let one end where the other begins, or, where both labels hold at once, give that time a "
                    "row of its own, with a column 'labels' and a|b in it"
                )


def _check_split(video: Path, rows: Sequence[int], split_names: Sequence[str], *, table: Path) -> None:
    for row in rows:
        if split_names[row] != split_names[rows[0]]:
            raise DataError(
                f"{table}: lines {rows[0] + 2} and {row + 2} put {video.name} into '{split_names[rows[0]]}' and "
                f"'{split_names[row]}'; give all stretches of a video the same split"
            )
