"""Data sets of empty files: what training makes of the names of folders, files and tables."""

from __future__ import annotations

import zipfile
from pathlib import Path

from vidcls_train.data.clip_list import Splits
from vidcls_train.data.sources import find_clips
from vidcls_train.data.splits import split_clips

SPLIT_FILES = (
    *("train/a/0.mov", "train/b/1.mp4", "train/c/2.AVI"),
    *("val/a/3.webm", "test/b/4.mkv", "test/b/notes.txt", "test/b/.5.mp4"),
)
SPLIT_NAMES = {
    "train": [("0.mov", "a"), ("1.mp4", "b"), ("2.AVI", "c")],
    "val": [("3.webm", "a")],
    "test": [("4.mkv", "b")],
}


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"video")
    return root


def find(data: Path | str, tmp_path: Path, *, unpacked: str = "unpacked", val_fraction: float = 0.2) -> Splits:
    found = find_clips(str(data), unpack_to=tmp_path / unpacked)
    return split_clips(found, val_fraction=val_fraction, seed=0)


def names(splits: Splits) -> dict[str, list[tuple[str, str]]]:
    return {
        split: [(clip.path.name, clip.label) for clip in getattr(splits, split)] for split in ("train", "val", "test")
    }


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target / "data.zip", "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    return target / "data.zip"
