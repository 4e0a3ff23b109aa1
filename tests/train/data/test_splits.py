from __future__ import annotations

import warnings
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("others", [("test",), ()])
def test_without_val_whole_groups_of_train_are_set_aside_for_it(others: tuple[str, ...], tmp_path: Path) -> None:
    names = [f"v_{label}_g{group:02}_c{clip}.avi" for label in "ab" for group in range(12) for clip in "123"]
    data = touch(tmp_path / "data", *[f"{split}/{name[2]}/{name}" for split in ("train", *others) for name in names])
    splits = find(data, tmp_path)
    groups = {split: {clip.group for clip in getattr(splits, split)} for split in ("train", "val")}
    assert groups["train"] | groups["val"] == {f"{label}/g{group:02}" for label in "ab" for group in range(12)}
    assert not groups["train"] & groups["val"]
    assert 12 <= len(splits.val) <= 18  # a fifth of 24 groups of 3
    assert {clip.label for clip in splits.val} == {"a", "b"}
    assert {clip.path.parents[1].name for clip in (*splits.train, *splits.val)} == {"train"}
    assert len(splits.test) == len(others) * len(names)
    assert find(data, tmp_path) == splits


def test_a_table_whose_splits_have_no_val_gets_one(tmp_path: Path) -> None:
    touch(tmp_path, *[f"{label}{n}.mp4" for label in "ab" for n in range(12)])
    rows = [f"{label}{n}.mp4,{label},{'test' if n < 2 else 'train'}" for label in "ab" for n in range(12)]
    (tmp_path / "clips.csv").write_text("\n".join(["path,label,split", *rows]), encoding="utf-8")
    splits = find(tmp_path / "clips.csv", tmp_path)
    assert len(splits.val) == 4
    assert len(splits.train) == 16
    assert sorted(clip.path.name for clip in splits.test) == ["a0.mp4", "a1.mp4", "b0.mp4", "b1.mp4"]
