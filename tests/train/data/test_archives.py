from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from empty_clips import SPLIT_FILES, SPLIT_NAMES, find, names, touch, zipped
from vidcls_train.data.clip_list import DataError


def tar_gz(folder: Path, target: Path) -> Path:
    with tarfile.open(target / "data.tar.gz", "w:gz", format=tarfile.GNU_FORMAT) as tar:
        tar.add(folder, arcname="UCF101_subset")
    return target / "data.tar.gz"


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
