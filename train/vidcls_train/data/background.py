"""What no row of a CSV covers of a long video -> clips that show none of the labels."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from vidcls.cpus import usable_cpus
from vidcls.errors import VideoError
from vidcls.files.kinds import why_no_file
from vidcls.progress import Track, untracked
from vidcls.video.reader import open_video
from vidcls_train.data.clip_list import MULTI_LABEL, NONE_LABEL, Clip, ClipList, DataError

# Around a labelled stretch so much is left out: borders drawn by hand are off by about that.
MARGIN_SECONDS = 1.0

# A clip of what is not labelled is as long as labelled ones usually are, and at most this.
LONGEST_SECONDS = 10.0

# Clips that show none of the labels are at most so many times as many as those that show one, in each split.
NONE_SHARE = 1.0

# Seconds by which a stretch may end after its video: people round.
_ROUNDED_SECONDS = 0.1


def with_background(found: ClipList, *, clip_seconds: float, seed: int, track: Track = untracked) -> ClipList:
    """Add clips of what no row covers, which show none of the labels; the videos are opened for their lengths.

    Args:
        found: stretches, in the order of the CSV's rows.
        clip_seconds: length of the model's window; no clip that is added is shorter.
        seed: of the choice, where there is more than is needed.
        track: shows the progress.

    Raises:
        DataError: there is no such video, or a stretch ends after its end; names the line.
    """
    lengths = _lengths(found, track)
    _check_ends(found, lengths)
    split_names = found.split_names or [""] * len(found.clips)
    rows = list(zip(found.clips, split_names, strict=True))
    possible = [
        (clip, split)
        for first, split in {clip.path: (clip, split) for clip, split in reversed(rows)}.values()
        for clip in _possible(first, found, length=lengths[first.path], clip_seconds=clip_seconds)
    ]
    added = [
        possible[index]
        for name in sorted(set(split_names))
        for index in _chosen(
            [index for index, (_, split) in enumerate(possible) if split == name],
            [clip for clip, split in rows if split == name],
            seed=seed,
        )
    ]
    return dataclasses.replace(
        found,
        clips=[*found.clips, *(clip for clip, _ in added)],
        split_names=None if found.split_names is None else [*split_names, *(split for _, split in added)],
    )


def _possible(first: Clip, found: ClipList, *, length: float | None, clip_seconds: float) -> list[Clip]:
    """All clips that the rest of a video makes, `first` being the first of its labelled ones."""
    if length is None:
        return []
    stretches = [clip.stretch for clip in found.clips if clip.stretch]
    usual = statistics.median(end - start for start, end in stretches)
    seconds = max(clip_seconds, min(LONGEST_SECONDS, usual))
    covered = [clip.stretch for clip in found.clips if clip.stretch and clip.path == first.path]
    labels = () if found.problem_type == MULTI_LABEL else (NONE_LABEL,)
    return [
        dataclasses.replace(first, labels=labels, start_seconds=start, end_seconds=end)
        for start, end in cut(uncovered(covered, length=length), seconds=seconds, least=clip_seconds)
    ]


def _chosen(possible: Sequence[int], labelled: Sequence[Clip], *, seed: int) -> list[int]:
    """As many of `possible`, in their order, as there may be beside `labelled`, some of which may show none as well."""
    showing = sum(not set(clip.labels) <= {NONE_LABEL} for clip in labelled)
    room = max(0, round(NONE_SHARE * showing) - (len(labelled) - showing))
    order = np.random.default_rng(seed).permutation(len(possible))[:room]
    return [possible[index] for index in sorted(order)]


def uncovered(stretches: Sequence[tuple[float, float]], *, length: float) -> list[tuple[float, float]]:
    """What stretches leave of a video of `length` seconds, a margin around each left out.

    Example:
        >>> uncovered([(20, 25), (3, 6), (24, 30)], length=60)
        [(0.0, 2.0), (7.0, 19.0), (31.0, 60)]
    """
    gaps = []
    begin = 0.0
    for start, end in sorted(stretches):
        if start - MARGIN_SECONDS > begin:
            gaps.append((begin, start - MARGIN_SECONDS))
        begin = max(begin, end + MARGIN_SECONDS)
    return [*gaps, (begin, length)] if length > begin else gaps


def cut(gaps: Sequence[tuple[float, float]], *, seconds: float, least: float) -> list[tuple[float, float]]:
    """Stretches of `seconds` spread evenly over gaps; all of a shorter gap, unless it is shorter than `least`.

    Example:
        >>> cut([(0, 2), (7, 19), (31, 36)], seconds=5, least=3)
        [(7.0, 12.0), (13.0, 18.0), (31.0, 36.0)]
        >>> cut([(0, 4)], seconds=5, least=3)
        [(0.0, 4.0)]
    """
    found = []
    for start, end in gaps:
        count = max(1, int((end - start) / seconds))
        if end - start >= least:
            step, length = (end - start) / count, min(seconds, end - start)
            found += [(start + number * step, start + number * step + length) for number in range(count)]
    return [(float(start), float(end)) for start, end in found]


def _lengths(found: ClipList, track: Track) -> dict[Path, float | None]:
    """How long each video is, in seconds; None where it cannot be opened, which the check of the data reports."""
    lines: dict[Path, int] = {}
    for line, clip in enumerate(found.clips, start=2):
        lines.setdefault(clip.path, line)
    for video, line in lines.items():
        problem = why_no_file(video)
        if problem is not None:
            raise DataError(f"{found.name}: line {line} names {video}, which cannot be read ({problem})")

    def length(video: Path) -> float | None:
        try:
            with open_video(video) as reader:
                return reader.index.duration
        except VideoError:
            return None

    with ThreadPoolExecutor(usable_cpus()) as pool:
        lengths = list(track(pool.map(length, lines), label="opening long videos", length=len(lines)))
    return dict(zip(lines, lengths, strict=True))


def _check_ends(found: ClipList, lengths: dict[Path, float | None]) -> None:
    for line, clip in enumerate(found.clips, start=2):
        length = lengths[clip.path]
        if length is not None and clip.stretch and clip.stretch[1] > length + _ROUNDED_SECONDS:
            raise DataError(
                f"{found.name}: line {line} ends at {clip.stretch[1]:g} s, expected at most the {length:.2f} s that "
                f"{clip.path.name} lasts"
            )
