"""Clips that show the same footage, whatever their size, bit rate and codec."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from vidcls_train.audit.fingerprint import HASH_BITS, Fingerprint
from vidcls_train.audit.probe import ClipInfo
from vidcls_train.data.clip_list import Footage

Kind = Literal["same file", "same footage", "same scene"]

# Kinds of pairs that are one clip to a model.
COPIES: tuple[Kind, ...] = ("same file", "same footage")

# Agreement of two perceptual hashes: 1 for equal bits, 0 for unrelated ones. It lies between clips of UCF101 with
# different labels and copies at half or twice the size, in another codec or at 12 frames a second.
_HASHES_ALIKE = 0.70

# Correlation over time of what moves in two clips with like pictures: higher for copies than for other takes before the
# same camera, but for takes of a drilled movement, which cannot be distinguished from copies.
_MOTION_ALIKE = 0.78

# Levels of 0 to 255, root mean square: how far the mean thumbnails of two clips of one scene may be apart, in colour.
# Copies stay well below it, and plain drawings, whose hashes are alike, mostly above.
_THUMBNAILS_APART = 12.0

# Grey levels: the motion of a clip that moves less is noise. Where both hardly move, like pictures are the same clip.
_STILL = 1.0

# Frames of a clip that are searched for in every other clip.
_QUERIES = 8

# Clips to compare with all others at a time: 4 bytes for each pair.
_BLOCK = 1024

# Of up to a MB each.
_MOTIONS_KEPT = 500


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two clips, by their index, that are not independent.

    similarity: of their hashes, 0 to 1. motion: correlation of their motion, -1 to 1.
    """

    first: int
    second: int
    kind: Kind
    similarity: float
    motion: float


def find_pairs(clips: Sequence[ClipInfo]) -> list[Pair]:
    """All pairs of clips that are the same file, show the same footage, or the same scene, most alike first.

    same file: byte for byte. same footage: at the same time the same things move. same scene: the pictures are alike,
    and something else happens: a fixed camera, a studio, another take.

    Pairs whose mean thumbnails differ cost next to nothing. The others, such as all pairs of one fixed camera's clips,
    do not, and their number grows with the square of the clips'.

    Args:
        clips: as `probe` gives them; their files are read again where sizes are equal.
    """
    equal = _equal_files([clip.footage for clip in clips])
    pairs = [
        Pair(first=first, second=second, kind="same file", similarity=1.0, motion=1.0)
        for first, second in sorted(equal)
    ]
    fingerprints = [clip.fingerprint for clip in clips]
    motion_of = lru_cache(_MOTIONS_KEPT)(lambda index: _Motion(fingerprints[index].thumbnails))
    for first, second, similarity in _like_pictures(fingerprints):
        if (first, second) in equal or _are_moments_of_one_file(clips[first], clips[second]):
            continue
        motion = _correlation(motion_of(first), motion_of(second))
        kind: Kind = "same footage" if motion >= _MOTION_ALIKE else "same scene"
        pairs.append(Pair(first=first, second=second, kind=kind, similarity=similarity, motion=motion))
    order: list[Kind] = ["same file", "same footage", "same scene"]
    return sorted(pairs, key=lambda pair: (order.index(pair.kind), -pair.motion))


def _are_moments_of_one_file(first: ClipInfo, second: ClipInfo) -> bool:
    """Whether they are stretches of one file: known to be of one group, and not copies, however alike they are."""
    return first.path == second.path and first.stretch is not None and second.stretch is not None


def _equal_files(footage: Sequence[Footage]) -> set[tuple[int, int]]:
    """Pairs of the same file, or of the same stretch of it."""
    by_size: dict[int, set[Path]] = defaultdict(set)
    for path in {path for path, _ in footage}:
        by_size[path.stat().st_size].add(path)
    content: dict[Path, str] = {}
    for candidates in by_size.values():
        for path in candidates:
            if len(candidates) > 1:
                with path.open("rb") as file:
                    content[path] = hashlib.file_digest(file, "sha256").hexdigest()
    by_content: dict[tuple[str, object], list[int]] = defaultdict(list)
    for index, (path, stretch) in enumerate(footage):
        by_content[content.get(path, str(path)), stretch].append(index)
    return {
        (first, second)
        for same in by_content.values()
        for number, first in enumerate(same)
        for second in same[number + 1 :]
    }


def _like_pictures(clips: Sequence[Fingerprint]) -> Iterable[tuple[int, int, float]]:
    """Pairs of clips with like pictures, of which half of one's frames, or more, are found in the other."""
    hashed = [index for index, clip in enumerate(clips) if len(clip.hashes)]
    pictures = np.array([clips[index].mean_thumbnail.ravel() for index in hashed]).reshape(len(hashed), -1)
    squares = np.square(pictures).sum(axis=1)
    limit = _THUMBNAILS_APART**2 * pictures.shape[1]
    for low in range(0, len(hashed), _BLOCK):
        block = slice(low, low + _BLOCK)
        apart = squares[block, None] + squares - 2 * pictures[block] @ pictures.T
        for row, column in np.argwhere(apart <= limit):
            first, second = hashed[low + row], hashed[column]
            if first < second:
                hashes = clips[first].hashes, clips[second].hashes
                similarity = max(_share_found(*hashes), _share_found(*hashes[::-1]))
                if similarity >= _HASHES_ALIKE:
                    yield first, second, similarity


def _share_found(hashes: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> float:
    """Agreement of a clip's middle frame, when each frame is compared with the most similar one of the other clip."""
    picks = np.linspace(0, len(hashes) - 1, min(_QUERIES, len(hashes))).round().astype(int)
    return float(np.median((hashes[picks] @ others.T).max(axis=1))) / HASH_BITS


class _Motion:
    """A clip's thumbnails [n, 256], and the sums over its first 0, 1, ... of them that a correlation is made of."""

    def __init__(self, thumbnails: npt.NDArray[np.uint8]) -> None:
        self.values = thumbnails.reshape(len(thumbnails), -1).astype(np.float64)
        self.sums = np.concatenate([np.zeros((1, self.values.shape[1])), self.values.cumsum(axis=0)])
        self.squares = np.concatenate([[0.0], np.square(self.values).sum(axis=1).cumsum()])

    @property
    def still(self) -> bool:
        """Whether what moves is no more than noise."""
        return float(self.values.var(axis=0).mean()) < _STILL**2


def _correlation(first: _Motion, second: _Motion) -> float:
    """Of what moves, at the shift in time where it is highest and at least half of the shorter clip is covered."""
    if first.still or second.still:
        return 1.0 if first.still and second.still else 0.0
    lengths = len(first.values), len(second.values)
    least = max(2, (min(lengths) + 1) // 2)
    shifts = np.arange(least - lengths[0], lengths[1] - least + 1)
    begins, ends = np.maximum(0, -shifts), np.minimum(lengths[0], lengths[1] - shifts)
    # The products of thumbnails that meet at a shift lie on one diagonal.
    diagonals = np.arange(lengths[1]) - np.arange(lengths[0])[:, None] + lengths[0] - 1
    products = np.bincount(diagonals.ravel(), (first.values @ second.values.T).ravel())[shifts + lengths[0] - 1]
    sums = first.sums[ends] - first.sums[begins], second.sums[ends + shifts] - second.sums[begins + shifts]
    squares = (
        first.squares[ends] - first.squares[begins],
        second.squares[ends + shifts] - second.squares[begins + shifts],
    )
    count = ends - begins
    together = products - (sums[0] * sums[1]).sum(axis=1) / count
    energies = [square - np.square(total).sum(axis=1) / count for square, total in zip(squares, sums, strict=True)]
    scale = np.sqrt(np.maximum(energies[0], 0) * np.maximum(energies[1], 0))
    return float(np.max(together / scale, where=scale > 0, initial=-1.0))
