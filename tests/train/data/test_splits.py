from __future__ import annotations

import warnings
from pathlib import Path

from empty_clips import find, touch


def test_footage_is_not_torn_across_splits(tmp_path: Path) -> None:
    files = [f"{label}/v_{label}_g{group:02}_c{clip:02}.avi" for label in "ab" for group in range(12) for clip in "123"]
    splits = find(touch(tmp_path / "data", *[file.replace("c0", "c") for file in files]), tmp_path)
    groups = {split: {clip.group for clip in getattr(splits, split)} for split in ("train", "val", "test")}
    assert not groups["train"] & groups["val"]
    assert not groups["train"] & groups["test"]
    assert not groups["val"] & groups["test"]
    # 24 groups in folds of a fifth: 4 or 5 groups of 3 clips each in val and in test, both labels in each.
    for split in ("val", "test"):
        assert 12 <= len(getattr(splits, split)) <= 18
        assert {clip.label for clip in getattr(splits, split)} == {"a", "b"}
    assert find(tmp_path / "data", tmp_path) == splits


def test_a_small_label_that_can_be_in_all_splits_is_taken_without_a_warning(tmp_path: Path) -> None:
    data = touch(tmp_path / "data", *[f"a/{n}.mp4" for n in range(10)], *[f"b/{n}.mp4" for n in range(3)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splits = find(data, tmp_path)
    assert "b" in {clip.label for clip in splits.train}
