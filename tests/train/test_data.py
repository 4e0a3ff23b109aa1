from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from vidcls_train.data import DataError, Splits, find_splits


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"video")
    return root


def find(data: Path | str, tmp_path: Path, *, val_fraction: float = 0.2) -> Splits:
    return find_splits(str(data), unpack_to=tmp_path / "unpacked", val_fraction=val_fraction, seed=0)


def names(splits: Splits) -> dict[str, list[tuple[str, str]]]:
    return {
        split: [(clip.path.name, clip.label) for clip in getattr(splits, split)] for split in ("train", "val", "test")
    }


SPLIT_FILES = ("train/b/1.mp4", "train/c/2.AVI", "val/a/3.webm", "test/b/4.mkv", "test/b/notes.txt", "test/b/.5.mp4")
SPLIT_NAMES = {
    "train": [("1.mp4", "b"), ("2.AVI", "c")],
    "val": [("3.webm", "a")],
    "test": [("4.mkv", "b")],
}


def test_class_ids_come_from_the_union_of_the_splits(tmp_path: Path) -> None:
    splits = find(touch(tmp_path / "data", *SPLIT_FILES), tmp_path)
    assert splits.labels == ("a", "b", "c")
    assert names(splits) == SPLIT_NAMES


def tar_gz(folder: Path, target: Path) -> Path:
    with tarfile.open(target / "data.tar.gz", "w:gz") as tar:
        tar.add(folder, arcname="UCF101_subset")
    return target / "data.tar.gz"


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target / "data.zip", "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    return target / "data.zip"


@pytest.mark.parametrize("pack", [tar_gz, zipped])
def test_archives_hold_the_same_data(tmp_path: Path, pack: Callable[[Path, Path], Path]) -> None:
    archive = pack(touch(tmp_path / "data", *SPLIT_FILES), tmp_path)
    splits = find(archive, tmp_path)
    assert names(splits) == SPLIT_NAMES
    assert all(clip.path.is_relative_to(tmp_path / "unpacked") for clip in splits.train)


def hostile_tar(path: Path, member: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path) -> None:
    outside = tarfile.TarInfo("../outside.mp4")
    outside.size = 1
    link = tarfile.TarInfo("a/link.mp4")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    for name, member in (("outside", outside), ("link", link)):
        with pytest.raises(DataError, match="cannot be unpacked"):
            find(hostile_tar(tmp_path / f"{name}.tar.gz", member), tmp_path)
    with zipfile.ZipFile(tmp_path / "outside.zip", "w") as archive:
        archive.writestr("../outside.mp4", b"x")
    with pytest.raises(DataError, match=r"outside the folder"):
        find(tmp_path / "outside.zip", tmp_path)
    assert not (tmp_path / "outside.mp4").exists()


def test_a_cut_off_archive_is_named(tmp_path: Path) -> None:
    archive = tar_gz(touch(tmp_path / "data", *SPLIT_FILES), tmp_path)
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(DataError, match=r"data\.tar\.gz: cannot be unpacked"):
        find(archive, tmp_path)


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


def test_a_csv_names_labels_groups_and_splits(tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text("path,label,split\nx/1.mp4,b,train\nx/2.mp4,a,val\n/abs/3.mp4,a,test\n", encoding="utf-8")
    splits = find(table, tmp_path)
    assert [clip.path for clip in splits.train] == [tmp_path / "x" / "1.mp4"]
    assert [clip.path for clip in splits.test] == [Path("/abs/3.mp4")]
    rows = "".join(f"{number}.mp4,{'ab'[number % 2]},take{number // 4}\n" for number in range(40))
    table.write_text("path,label,group\n" + rows, encoding="utf-8")
    splits = find(table, tmp_path)
    assert not {clip.group for clip in splits.train} & {clip.group for clip in splits.val + splits.test}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("file,label\na.mp4,x\n", "expected path,label"),
        ("path,label,split\na.mp4,x,dev\n", "line 2 has split 'dev'"),
        ("path,label\na.mp4,\n", "line 2 is not of the form"),
        ("path,label\na.mp4,x,y\n", "line 2 is not of the form"),
    ],
)
def test_a_csv_that_is_not_of_the_form_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    table = tmp_path / "clips.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=problem):
        find(table, tmp_path)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (("notes.txt",), "holds no videos"),
        (("a/1.mp4", "a/2.mp4"), "only the label 'a'"),
        (("train/a/1.mp4", "train/b/1.mp4"), "no videos for 'val'"),
        (("train/a/1.mp4", "val/b/1.mp4", "extra/c/1.mp4"), "holds 'extra' beside"),
        (("a/1.mp4", "b/2.mp4"), "too few to set aside"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(tmp_path: Path, files: tuple[str, ...], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        find(touch(tmp_path / "data", *files), tmp_path)


def test_data_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        find(tmp_path / "nowhere", tmp_path)
    with pytest.raises(DataError, match="expected hf:OWNER/DATASET/FILE"):
        find("hf:owner/dataset", tmp_path)
    with pytest.raises(DataError, match=r"a \.csv"):
        find(touch(tmp_path, "one.mp4") / "one.mp4", tmp_path)
