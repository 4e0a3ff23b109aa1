"""Small data sets without a fault, in which tests of the data's checks plant one, and what the checks say of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from generated import write_scene
from vidcls.contract import ClipFingerprints
from vidcls_train.audit.check import DataCheck, check_clips
from vidcls_train.audit.data_report import Finding
from vidcls_train.data.frame_cache import FrameCache
from vidcls_train.data.sources import find_clips

SIZES = {"train": 4, "val": 2, "test": 2}


def write_data(root: Path, *, labels: tuple[str, ...] = ("jump", "swim", "wave")) -> Path:
    """Clips of as many places as there are clips, all encoded alike, in folders train, val and test."""
    places = itertools.count()
    for split, clips in SIZES.items():
        for label in labels:
            for number in range(clips):
                write_scene(root / split / label / f"{number}.mp4", place=next(places), frames=35 + 3 * number)
    return root


def check(
    data: Path,
    tmp_path: Path,
    *,
    clip_seconds: float = 0.5,
    known_to: Sequence[ClipFingerprints | None] = (),
    cache: FrameCache | None = None,
) -> DataCheck:
    found = find_clips(str(data), unpack_to=tmp_path / "unpacked", clip_seconds=clip_seconds)
    return check_clips(found, val_fraction=0.2, seed=0, clip_seconds=clip_seconds, known_to=known_to, cache=cache)


def warnings(checked: DataCheck) -> list[Finding]:
    return [finding for finding in checked.report.findings if finding.level != "note"]


def only(checked: DataCheck) -> Finding:
    (finding,) = warnings(checked)
    return finding


def kinds(checked: DataCheck) -> set[tuple[str, frozenset[str]]]:
    return {(pair.kind, frozenset(Path(video).stem for video in pair.videos)) for pair in checked.report.pairs}
