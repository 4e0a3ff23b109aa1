from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from audited import check, kinds, only
from generated import write_scene
from vidcls_train.audit.duplicates import _correlation, _Motion
from vidcls_train.audit.findings import refuse_worthless
from vidcls_train.data.clip_list import Footage

ENCODINGS = {
    "half the size": {"size": (80, 60)},
    "twice the size": {"size": (320, 240)},
    "other proportions": {"size": (112, 112)},
    "few bits": {"bit_rate": 40_000},
    "another codec": {"codec": "libx264", "bit_rate": 100_000},
    "12 frames a second": {"rate": 12, "frames": 20},
    "begins later": {"start": 0.5, "frames": 28},
}


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
def test_a_copy_in_test_is_found_however_it_is_encoded(encoding: dict[str, Any], data: Path, tmp_path: Path) -> None:
    write_scene(data / "train" / "jump" / "original.mp4", place=100)
    copy = write_scene(data / "test" / "jump" / "copy.mp4", **{"place": 100, **encoding})
    checked = check(data, tmp_path)
    assert kinds(checked) == {("same footage", frozenset({"original", "copy"}))}
    assert checked.copies == {"val": [], "test": [Footage(copy)]}
    assert "train also holds the footage of 1 of 7 clips in test" in only(checked).what
    refuse_worthless(checked.report, allow_duplicates=False)  # one of seven: said, and not counted


def test_the_same_file_is_found_whatever_its_name(data: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(data / "train" / "jump" / "0.mp4", data / "val" / "jump" / "other name.mp4"))
    checked = check(data, tmp_path)
    assert kinds(checked) == {("same file", frozenset({"0", "other name"}))}
    assert checked.copies == {"val": [Footage(copy)], "test": []}


def test_another_take_at_the_same_place_is_no_copy(data: Path, tmp_path: Path) -> None:
    write_scene(data / "train" / "jump" / "take0.mp4", place=100)
    write_scene(data / "test" / "wave" / "take1.mp4", place=100, take=1)
    checked = check(data, tmp_path)
    assert kinds(checked) == {("same scene", frozenset({"take0", "take1"}))}
    assert checked.copies == {"val": [], "test": []}
    assert "train holds other moments of the scenes of 1 of 7 clips in test" in only(checked).what


def test_black_clips_are_not_copies_of_each_other(data: Path, tmp_path: Path) -> None:
    for split, frames in (("train", 30), ("test", 40)):
        path = data / split / "jump" / "black.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
        for number in range(frames):
            writer.write(np.full((48, 64, 3), number % 3, np.uint8))
        writer.release()
    assert check(data, tmp_path).report.pairs == []


def test_one_clip_in_two_splits_of_a_csv_is_found(data: Path, tmp_path: Path) -> None:
    rows = [
        f"{clip.relative_to(data)},{clip.parent.name},{clip.parent.parent.name}\n"
        for clip in sorted(data.rglob("*.mp4"))
    ]
    table = data / "clips.csv"
    table.write_text("path,label,split\n" + "".join(rows) + "train/jump/0.mp4,jump,test\n", encoding="utf-8")
    checked = check(table, tmp_path)
    assert checked.copies == {"val": [], "test": [Footage(data / "train" / "jump" / "0.mp4")]}


def test_known_footage_of_ucf101_is_found(real_data: Path, tmp_path: Path) -> None:
    clips = [
        *sorted((real_data / "ucf8" / "test" / "Basketball").glob("*.avi")),
        *sorted((real_data / "ucf8" / "test" / "BasketballDunk").glob("*_g01_*.avi")),
        *sorted((real_data / "ucf8" / "train" / "BasketballDunk").glob("*_g1[12]_*.avi")),
    ]
    rows = [f"{clip},{clip.parent.name},{'val' if clip.stem.endswith('c02') else 'train'}\n" for clip in clips]
    (tmp_path / "clips.csv").write_text("path,label,split\n" + "".join(rows), encoding="utf-8")
    across = {
        (pair.kind, *sorted(Path(video).stem.split("_")[2] for video in pair.videos))
        for pair in check(tmp_path / "clips.csv", tmp_path).report.pairs
    }
    across = {row for row in across if row[1] != row[2]}
    assert across == {("same scene", "g03", "g23"), ("same scene", "g15", "g24"), ("same footage", "g01", "g11")}


def test_a_still_clip_moves_as_another_still_one_and_as_no_moving_one() -> None:
    random = np.random.default_rng(0)
    moving = _Motion(random.integers(0, 256, (20, 16, 16), dtype=np.uint8))
    still = _Motion(np.full((20, 16, 16), 100, np.uint8))
    assert _correlation(moving, moving) == pytest.approx(1.0)
    assert (_correlation(still, still), _correlation(still, moving), _correlation(moving, still)) == (1.0, 0.0, 0.0)
