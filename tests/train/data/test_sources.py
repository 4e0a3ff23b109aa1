from __future__ import annotations

import gzip
import io
import os
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from vidcls_train.data.sources import DataError, Splits, find_clips, split_clips


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


SPLIT_FILES = (
    *("train/a/0.mov", "train/b/1.mp4", "train/c/2.AVI"),
    *("val/a/3.webm", "test/b/4.mkv", "test/b/notes.txt", "test/b/.5.mp4"),
)
SPLIT_NAMES = {
    "train": [("0.mov", "a"), ("1.mp4", "b"), ("2.AVI", "c")],
    "val": [("3.webm", "a")],
    "test": [("4.mkv", "b")],
}


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


def tar_gz(folder: Path, target: Path) -> Path:
    with tarfile.open(target / "data.tar.gz", "w:gz", format=tarfile.GNU_FORMAT) as tar:
        tar.add(folder, arcname="UCF101_subset")
    return target / "data.tar.gz"


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target / "data.zip", "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    return target / "data.zip"


def bare_tar(folder: Path, target: Path) -> Path:
    with tarfile.open(target / "data.tar", "w") as tar:
        tar.add(folder, arcname="data")
    return target / "data.tar"


@pytest.mark.parametrize("pack", [tar_gz, zipped, bare_tar])
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
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        entry = zipfile.ZipInfo("a/link.mp4")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(DataError, match=r"'a/link\.mp4' is a link"):
        find(tmp_path / "link.zip", tmp_path)
    assert not (tmp_path / "outside.mp4").exists()


@pytest.mark.parametrize("pack", [tar_gz, zipped, bare_tar])
def test_an_archive_that_would_fill_the_disk_is_not_unpacked(
    pack: Callable[[Path, Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = touch(tmp_path / "data", *SPLIT_FILES)
    (data / "train" / "a" / "bomb.mp4").write_bytes(bytes(30_000_000))  # 30 kB in a zip or a gzip
    archive = pack(data, tmp_path)
    free = 2**30 + 20_000_000  # a gigabyte is left to others
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(DataError, match=r"unpacks to 0\.0 GB or more, where the disk has room for 0\.0 GB; make room"):
        find(archive, tmp_path)
    assert not list((tmp_path / "unpacked").rglob("*.mp4"))


def test_a_cut_off_archive_is_named(tmp_path: Path) -> None:
    archive = tar_gz(touch(tmp_path / "data", *SPLIT_FILES), tmp_path)
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(DataError, match=r"data\.tar\.gz: cannot be unpacked"):
        find(archive, tmp_path)


def test_a_damaged_tar_gz_is_not_read_in_part(tmp_path: Path) -> None:
    whole = gzip.decompress(tar_gz(touch(tmp_path / "data", *SPLIT_FILES), tmp_path).read_bytes())
    packed = gzip.compress(whole)
    last_header = whole.rindex(b"UCF101_subset/")
    damaged = {
        "header": gzip.compress(whole[:last_header] + b"?" + whole[last_header + 1 :]),
        "checksum": packed[:-8] + bytes(4) + packed[-4:],
        "tail": packed[:-8],
        "deflate": packed[:20] + b"\xff" * 20 + packed[40:],
        "early": gzip.compress(whole[:last_header]),
    }
    for name, content in damaged.items():
        (tmp_path / f"{name}.tar.gz").write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}\.tar\.gz: cannot be unpacked .* archive is complete"):
            find(tmp_path / f"{name}.tar.gz", tmp_path, unpacked=name)


def test_a_damaged_tar_is_not_read_in_part(tmp_path: Path) -> None:
    whole = gzip.decompress(tar_gz(touch(tmp_path / "data", *SPLIT_FILES), tmp_path).read_bytes())
    (tmp_path / "data.tar").write_bytes(whole)
    assert names(find(tmp_path / "data.tar", tmp_path)) == SPLIT_NAMES
    last_header = whole.rindex(b"UCF101_subset/")
    (tmp_path / "data.tar").write_bytes(whole[:last_header])
    with pytest.raises(DataError, match=r"data\.tar: cannot be unpacked \(it ends early\); check that"):
        find(tmp_path / "data.tar", tmp_path)


def test_an_encrypted_or_damaged_zip_is_named(tmp_path: Path) -> None:
    archive = zipped(touch(tmp_path / "data", *SPLIT_FILES), tmp_path)
    whole = archive.read_bytes()
    entry = whole.rindex(b"train/b/1.mp4") - 46  # in the zip's directory
    for offset, value, problem in ((8, 1, "encrypted"), (10, 99, "compression"), (10, 8, "archive is complete")):
        changed = bytearray(whole)
        changed[entry + offset] = value
        archive.write_bytes(changed)
        with pytest.raises(DataError, match=rf"data\.zip: cannot be unpacked .*{problem}"):
            find(archive, tmp_path)


def rezipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, stored in files.items():
            entry = zipfile.ZipInfo(name)
            entry.filename = stored  # as it is, where ZipInfo would change it
            archive.writestr(entry, b"video")
    return path


def test_zips_of_other_systems_are_read(tmp_path: Path) -> None:
    stored = [name.replace("/", "\\") for name in SPLIT_FILES]
    windows = rezipped(tmp_path / "windows.zip", {name: name for name in stored})
    assert names(find(windows, tmp_path)) == SPLIT_NAMES
    shadows = [f"__MACOSX/{name.rpartition('/')[0]}/._{name.rpartition('/')[2]}" for name in SPLIT_FILES]
    mac = rezipped(tmp_path / "mac.zip", {name: name for name in [*SPLIT_FILES, *shadows]})
    splits = find(mac, tmp_path, unpacked="mac")
    assert names(splits) == SPLIT_NAMES
    assert not (tmp_path / "mac" / "__MACOSX").exists()


def test_a_zip_may_have_colons_in_names_but_no_drives(tmp_path: Path) -> None:
    files = [name.replace(".", "_12:30.") for name in SPLIT_FILES[:5]]
    splits = find(rezipped(tmp_path / "colons.zip", {name: name for name in files}), tmp_path)
    assert [clip.path.name for clip in splits.val] == ["3_12:30.webm"]
    for name in ("C:/a/1.mp4", "C:\\a\\1.mp4", "c:1.mp4", "/a/1.mp4", "\\\\host\\a\\1.mp4", "a\\..\\..\\1.mp4"):
        with pytest.raises(DataError, match="outside the folder") as refusal:
            find(rezipped(tmp_path / "hostile.zip", {name: name}), tmp_path)
        assert "is complete" not in str(refusal.value)


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
    table.write_text(
        "path,label,split\nx/1.mp4,b,train\nx/4.mp4,a,train\nx/2.mp4,a,val\n/abs/3.mp4,a,test\n", encoding="utf-8"
    )
    splits = find(table, tmp_path)
    assert [clip.path for clip in splits.train] == [tmp_path / "x" / "1.mp4", tmp_path / "x" / "4.mp4"]
    assert [clip.path for clip in splits.test] == [Path("/abs/3.mp4")]
    rows = "".join(f"{number}.mp4,{'ab'[number % 2]},take{number // 4}\n" for number in range(40))
    table.write_text("path,label,group\n" + rows, encoding="utf-8")
    splits = find(table, tmp_path)
    assert not {clip.group for clip in splits.train} & {clip.group for clip in splits.val + splits.test}


@pytest.mark.parametrize("place", ["clips", "top/clips", "top/inner/clips", "top", "train"])
def test_a_csv_lists_the_videos_of_its_folder(tmp_path: Path, place: str) -> None:
    clips = touch(tmp_path / "data" / place, "1.mp4", "2.mp4", "3.mp4", "4.mp4")
    root = clips.parent if clips.name == "clips" else clips
    rows = [(1, "b", "train"), (2, "a", "train"), (3, "a", "val"), (4, "b", "test")]
    lines = [f"{(clips / f'{n}.mp4').relative_to(root).as_posix()},{label},{split}\n" for n, label, split in rows]
    (root / "list.csv").write_text("path,label,split\n" + "".join(lines), encoding="utf-8")
    (root / "notes.csv").write_text("author,year\n", encoding="utf-8")
    (root / "._list.csv").write_bytes(b"\0\xff")
    expected = {"train": [("1.mp4", "b"), ("2.mp4", "a")], "val": [("3.mp4", "a")], "test": [("4.mp4", "b")]}
    splits = find(zipped(tmp_path / "data", tmp_path), tmp_path)
    assert names(splits) == expected
    assert all(clip.path.is_file() for clip in splits.train)


def test_a_csv_that_lists_no_videos_is_left_alone(tmp_path: Path) -> None:
    data = touch(tmp_path / "data", *SPLIT_FILES)
    (data / "notes.csv").write_text("author,year\n", encoding="utf-8")
    assert names(find(data, tmp_path)) == SPLIT_NAMES


@pytest.mark.parametrize("content", ["clé.mp4,a\n".encode("latin-1"), b"1.mp4," + b"a" * 200_000])
def test_a_csv_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    data = touch(tmp_path / "data", "clips/1.mp4")
    (data / "list.csv").write_bytes(b"path,label\n" + content)
    for named in (data / "list.csv", data):
        with pytest.raises(DataError, match=r"list\.csv: is not a CSV in UTF-8"):
            find(named, tmp_path)


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


def test_a_small_label_that_can_be_in_all_splits_is_taken_without_a_warning(tmp_path: Path) -> None:
    data = touch(tmp_path / "data", *[f"a/{n}.mp4" for n in range(10)], *[f"b/{n}.mp4" for n in range(3)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splits = find(data, tmp_path)
    assert "b" in {clip.label for clip in splits.train}


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
