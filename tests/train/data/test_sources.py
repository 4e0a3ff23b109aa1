from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from empty_clips import SPLIT_FILES, SPLIT_NAMES, find, names, touch
from vidcls_train.data.clip_list import DataError
from vidcls_train.data.sources import find_clips


def test_class_ids_come_from_the_union_of_the_splits(tmp_path: Path) -> None:
    splits = find(touch(tmp_path / "data", *SPLIT_FILES), tmp_path)
    assert splits.labels == ("a", "b", "c")
    assert names(splits) == SPLIT_NAMES


@pytest.mark.parametrize(
    "spelling", [("Train", "Val", "Test"), ("TRAIN", "valid", "TEST"), ("train", "Validation", "test")]
)
def test_the_folders_of_splits_may_be_spelt_otherwise(tmp_path: Path, spelling: tuple[str, str, str]) -> None:
    data = touch(tmp_path / "data", *SPLIT_FILES)
    for split, name in zip(("train", "val", "test"), spelling, strict=True):
        (data / split).rename(data / f"renamed-{name}")
        (data / f"renamed-{name}").rename(data / name)
    assert names(find(data, tmp_path)) == SPLIT_NAMES


@pytest.mark.parametrize("spelling", [("training", "testing"), ("trainset", "testset"), ("Train_Data", "val2")])
def test_folders_that_look_like_splits_do_not_become_labels(tmp_path: Path, spelling: tuple[str, str]) -> None:
    data = touch(
        tmp_path / "data", *[f"{split}/{label}/{n}.mp4" for split in spelling for label in "ab" for n in "123"]
    )
    with pytest.raises(DataError, match=r"data: the folder '\w+' looks like a split, .* train/, val/ and test/"):
        find(data, tmp_path)


def test_labels_only_begin_like_a_split(tmp_path: Path) -> None:
    data = touch(tmp_path / "data", *[f"{label}/{n}.mp4" for label in ("train ride", "testimony") for n in range(5)])
    assert find(data, tmp_path).labels == ("testimony", "train ride")


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (("notes.txt",), "holds no videos"),
        (("a/1.mp4", "a/2.mp4"), "only the label 'a'"),
        (("train/a/1.mp4", "train/b/1.mp4"), "has 2 groups of footage in train, too few .* or a folder val/"),
        (("val/a/1.mp4", "test/b/1.mp4"), "no videos for 'train'"),
        (("train/a/1.mp4", "val/b/1.mp4", "extra/c/1.mp4"), "holds 'extra' beside"),
        (("a/1.mp4", "b/2.mp4"), "too few to set aside"),
        (
            [f"{label}/{n}.mp4" for label in "ab" for n in "1234"],
            "'a' has 4 clips in 4 .* which takes 5 groups; .*-val-",
        ),
        (
            [*[f"a/{n}.mp4" for n in "12345"], "b/_g1_c1.mp4", "b/_g1_c2.mp4"],
            "label 'b' has 2 clips in 1 groups of footage, .* which takes 3 groups; give more clips, or folders train/",
        ),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(tmp_path: Path, files: tuple[str, ...], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        find(touch(tmp_path / "data", *files), tmp_path)


def test_a_label_whose_name_is_not_utf8_is_named(tmp_path: Path) -> None:
    data = touch(tmp_path / "data", *[f"{label}/{n}.mp4" for label in "ab" for n in range(5)])
    (data / "b").rename(data / os.fsdecode(b"caf\xe9"))
    with pytest.raises(DataError, match=r"the folder 'caf\\udce9' is not UTF-8; rename it"):
        find(data, tmp_path)


def test_data_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        find(tmp_path / "nowhere", tmp_path)
    with pytest.raises(DataError, match="expected hf:OWNER/DATASET/FILE"):
        find("hf:owner/dataset", tmp_path)
    with pytest.raises(DataError, match=r"a \.csv"):
        find(touch(tmp_path, "one.mp4") / "one.mp4", tmp_path)


@pytest.mark.parametrize("label", ["a\nb", "x" * 257, "\u202ea"])
def test_a_label_that_no_contract_holds_is_named_before_training(label: str, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["path", "label"], ["a.mp4", label], ["b.mp4", "other"]])
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match=r"line 2 has the label .*, expected 1 to 256 characters, no control character"):
        find_clips(str(table), unpack_to=tmp_path / "unpacked")


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe: is a named pipe, expected a file or a folder"):
        find_clips(str(tmp_path / "pipe"), unpack_to=tmp_path / "unpacked")
