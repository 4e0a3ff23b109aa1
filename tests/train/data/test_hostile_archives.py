"""Archives made to do harm: each is one sentence, soon, and leaves nothing behind, inside the target or beside it."""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from empty_clips import SPLIT_FILES, SPLIT_NAMES, find, names, touch, zipped
from vidcls_train.data import archive_entries
from vidcls_train.data.archives import unpack
from vidcls_train.data.clip_list import DataError

CONTENT = b"video" * 200
# What a refusal may take of memory, beside what is read at a time.
MEMORY_BYTES = 40 << 20


def header(name: bytes, *, kind: bytes = b"0", size: int = 0, stored_size: bytes | None = None) -> bytes:
    """A block of a ustar file, written by hand: tarfile would not write a wrong one."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:124] = b"0000644\0" + b"0000000\0" * 2
    block[124:136] = f"{size:011o}\0".encode() if stored_size is None else stored_size
    block[136:148] = b"00000000000\0"
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def pax(fields: dict[str, str], *, kind: bytes = b"x") -> bytes:
    records = b""
    for key, value in fields.items():
        record = f" {key}={value}\n".encode()
        length = len(record)
        while len(str(length)) + len(record) != length:
            length = len(str(length)) + len(record)
        records += str(length).encode() + record
    return header(b"pax", kind=kind, size=len(records)) + padded(records)


def gnu_sparse() -> bytes:
    """The old GNU way: a terabyte of holes around ten bytes."""
    block = bytearray(header(b"a/holes.mp4", kind=b"S", size=10))
    block[257:265] = b"ustar  \0"
    block[386:410] = b"00000000000\x0000000000012\0"
    block[483:495] = (1 << 40).to_bytes(12, "big")
    block[483] |= 0x80
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block) + padded(b"0123456789")


def pax_sparse_00() -> bytes:
    fields = {"GNU.sparse.size": str(1 << 40), "GNU.sparse.numblocks": "1", "GNU.sparse.offset": "0"}
    return pax(fields | {"GNU.sparse.numbytes": "10"}) + header(b"a/1.mp4", size=10) + padded(b"0123456789")


def pax_sparse_10() -> bytes:
    fields = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a/1.mp4"}
    fields["GNU.sparse.realsize"] = str(1 << 40)
    mapped = padded(b"1\n0\n10\n") + padded(b"0123456789")
    return pax(fields) + header(b"a/1.mp4", size=522) + mapped


def damaged_sparse_map() -> bytes:
    fields = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "10"}
    return pax(fields) + header(b"a/1.mp4", size=512) + padded(b"ten\n0\n10\n")


def below_zero(size: int) -> bytes:
    return (size + (1 << 96)).to_bytes(12, "big")  # base 256, as GNU writes what is too large for octal


def huge(size: int) -> bytes:
    return bytes([0x80]) + size.to_bytes(11, "big")


LINKS = {"a symlink": b"2", "a hard link": b"1", "a character device": b"3", "a block device": b"4", "a FIFO": b"6"}
HOSTILE_TARS: dict[str, tuple[bytes, str]] = {
    "sparse, GNU": (gnu_sparse(), r"'a/holes\.mp4' has holes that are not stored"),
    "sparse, PAX 0.0": (pax_sparse_00(), r"'a/1\.mp4' has holes that are not stored"),
    "sparse, PAX 1.0": (pax_sparse_10(), r"'a/1\.mp4' has holes that are not stored"),
    "sparse, a damaged map": (damaged_sparse_map(), "archive is complete"),
    "a size below zero": (header(b"a/1.mp4", stored_size=below_zero(-512)), "an entry claims to have -512 bytes"),
    "a size below zero, by PAX": (
        pax({"size": "-1024"}) + header(b"a/1.mp4", size=1000) + padded(CONTENT),
        "an entry claims to have -1024 bytes",
    ),
    "a long name of -512 bytes": (header(b"l", kind=b"L", stored_size=below_zero(-512)), "cannot be unpacked"),
    "a long name of 16 MiB": (
        header(b"l", kind=b"L", size=16 << 20) + bytes(16 << 20),
        r"a header claims to have 16777216 bytes, expected at most",
    ),
    "PAX fields of 16 MiB": (pax({"comment": "x" * (16 << 20)}), "a header claims to have"),
    "headers upon headers": (pax({"comment": "x"}) * 5000, "headers upon headers"),
    "a petabyte": (header(b"a/1.mp4", stored_size=huge(10**15)) + CONTENT, r"unpacks to 1000000\.0 GB or more"),
    "an absolute name": (header(b"/a/1.mp4", size=1000) + padded(CONTENT), r"'/a/1\.mp4' would land outside"),
    "a name that leads up": (header(b"a/../../1.mp4", size=1000) + padded(CONTENT), "would land outside"),
    "a name that leads up, by PAX": (
        pax({"path": "../1.mp4"}) + header(b"a/1.mp4", size=1000) + padded(CONTENT),
        r"'\.\./1\.mp4' would land outside",
    ),
    "a name with an escape": (header(b"../\x1b[2J", size=0), r"'\.\./\\x1b\[2J' would land outside"),
    "one name twice": (2 * (header(b"a/1.mp4", size=1000) + padded(CONTENT)), r"'a/1\.mp4' is there twice"),
    "a file below a file": (
        *(header(b"a/1.mp4", size=1000) + padded(CONTENT) + header(b"a/1.mp4/2.mp4", size=1000) + padded(CONTENT),),
        "is there twice, or under two names",
    ),
    **{
        what: (header(b"a/1.mp4", kind=kind), r"'a/1\.mp4' is a link or a device, only plain files are taken")
        for what, kind in LINKS.items()
    },
    "a kind that nobody knows": (header(b"a/1.mp4", kind=b"Z"), "only plain files are taken"),
}
END = bytes(1024)


def refuse(archive: Path, problem: str) -> None:
    """It is refused in one sentence that names it, soon, in little memory, and leaves nothing."""
    before = sorted(archive.parent.rglob("*"))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=problem) as refusal:
            find(archive, archive.parent)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()
    assert str(refusal.value).startswith(f"{archive}: ")
    assert len(str(refusal.value)) < len(str(archive)) + 500
    assert str(refusal.value).isprintable()
    assert sorted(archive.parent.rglob("*")) == before


@pytest.mark.parametrize("what", HOSTILE_TARS)
def test_a_hostile_tar_is_one_sentence(what: str, tmp_path: Path) -> None:
    content, problem = HOSTILE_TARS[what]
    for name, stored in (("data.tar", content + END), ("data.tar.gz", gzip.compress(content + END, 1))):
        (tmp_path / name).write_bytes(stored)
        refuse(tmp_path / name, problem)


def test_a_link_is_not_followed_by_what_comes_after_it(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    link = tarfile.TarInfo("a")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "outside")
    with tarfile.open(tmp_path / "data.tar", "w") as tar:
        tar.addfile(link)
        file = tarfile.TarInfo("a/1.mp4")
        file.size = len(CONTENT)
        tar.addfile(file, io.BytesIO(CONTENT))
    refuse(tmp_path / "data.tar", "'a' is a link or a device")
    assert not list((tmp_path / "outside").iterdir())


def test_nothing_is_written_where_the_last_entry_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.tar").write_bytes(
        header(b"a/1.mp4", size=1000) + padded(CONTENT) + header(b"../2.mp4", size=1000) + padded(CONTENT) + END
    )
    monkeypatch.setattr("vidcls_train.data.archives._write", lambda *_: pytest.fail("written before all were checked"))
    refuse(tmp_path / "data.tar", "would land outside")


@pytest.mark.parametrize("pack", [zipped, lambda data, target: tar_of(data, target / "data.tar.gz")])
def test_more_entries_than_any_collection_has_are_refused(
    pack: Callable[[Path, Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_entries, "MAX_ENTRIES", 5)
    refuse(pack(touch(tmp_path / "data", *SPLIT_FILES), tmp_path), "holds more than 5 files; make room")


def test_empty_files_take_room_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.tar").write_bytes(b"".join(header(b"a/%d.mp4" % number) for number in range(3000)) + END)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2**30 + 10_000_000))
    refuse(tmp_path / "data.tar", r"unpacks to 0\.0 GB or more, where the disk has room for 0\.0 GB")


def test_rights_are_not_taken_over(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "data.tar", "w") as tar:
        for name in SPLIT_FILES:
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uid = len(CONTENT), 0o6777, 12345
            tar.addfile(member, io.BytesIO(CONTENT))
    assert names(find(tmp_path / "data.tar", tmp_path)) == SPLIT_NAMES
    files = [path for path in (tmp_path / "unpacked").rglob("*") if path.is_file()]
    assert len(files) == len(SPLIT_FILES)
    plain = tmp_path / "plain"
    plain.touch()
    assert {path.stat().st_mode for path in files} == {plain.stat().st_mode}
    assert not any(path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID | 0o111) for path in files)
    assert {path.read_bytes() for path in files} == {CONTENT}


def tar_of(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.add(folder, arcname="data")
    return archive


def test_what_was_unpacked_is_taken_as_it_is_and_replaced_by_nothing_else(tmp_path: Path) -> None:
    archive = tar_of(touch(tmp_path / "data", *SPLIT_FILES), tmp_path / "data.tar.gz")
    (tmp_path / "unpacked.partial").mkdir()  # as a killed run leaves it
    (tmp_path / "unpacked.partial" / "old.mp4").touch()
    assert names(find(archive, tmp_path)) == SPLIT_NAMES
    assert not (tmp_path / "unpacked.partial").exists()
    before = {path: path.stat().st_ino for path in (tmp_path / "unpacked").rglob("*")}
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-20])
    refuse(archive, "archive is complete")
    archive.write_bytes(whole)
    assert names(find(archive, tmp_path)) == SPLIT_NAMES
    assert {path: path.stat().st_ino for path in (tmp_path / "unpacked").rglob("*")} == before
    first = next(path for path in before if path.is_file())
    told = "is not the archive that was unpacked to .*unpacked, where '.*' {}; name the archive"
    first.write_bytes(b"a byte")
    refuse(archive, told.format("has 6 bytes, not 5"))
    first.rename(tmp_path / "first.mp4")
    refuse(archive, told.format("is missing"))
    first.write_bytes(b"video")
    (tmp_path / "first.mp4").rename(tmp_path / "unpacked" / "z.mp4")
    refuse(archive, told.format("is one more"))
    shutil.rmtree(tmp_path / "unpacked")
    assert names(find(archive, tmp_path)) == SPLIT_NAMES


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("name", ["data.tar.gz", "data.tar", "data.zip"])
def test_a_truncated_archive_is_one_sentence(name: str, fraction: float, tmp_path: Path) -> None:
    data = touch(tmp_path / "data", *SPLIT_FILES)
    archive = zipped(data, tmp_path) if name.endswith("zip") else tar_of(data, tmp_path / "data.tar.gz")
    if name == "data.tar":
        unpacked = gzip.decompress(archive.read_bytes())
        archive = archive.with_name(name)
        archive.write_bytes(unpacked[: len(unpacked) - 10_240 + 1024])  # without what fills it up
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * fraction)])
    refuse(archive, f"{name}: cannot be unpacked .*; check that the archive is complete")


def zip_of(path: Path, name: str, content: bytes, *, says: int | None = None, crc: int | None = None) -> Path:
    """A zip of one file, deflated, whose directory and header state another size."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    changed = bytearray(path.read_bytes())
    directory = changed.rindex(b"PK\x01\x02")
    for place in (14, directory + 16):
        fields = list(struct.unpack_from("<3I", changed, place))
        fields = [fields[0] if crc is None else crc, fields[1], fields[2] if says is None else says]
        struct.pack_into("<3I", changed, place, *fields)
    path.write_bytes(changed)
    return path


def test_a_zip_that_says_less_than_it_holds_gives_no_more(tmp_path: Path) -> None:
    """However small it says it is: with the checksum of what it says, and without."""
    content = bytes(50_000_000)
    refuse(zip_of(tmp_path / "data.zip", "a/1.mp4", content, says=1000), "archive is complete")
    lying = zip_of(tmp_path / "data.zip", "a/1.mp4", content, says=1000, crc=zlib.crc32(bytes(1000)))
    unpack(lying, tmp_path / "unpacked")
    assert (tmp_path / "unpacked" / "a" / "1.mp4").stat().st_size == 1000


def test_a_zip_that_says_more_than_it_holds_is_damaged(tmp_path: Path) -> None:
    lying = zip_of(tmp_path / "data.zip", "a/1.mp4", CONTENT, says=5000)
    refuse(lying, r"'a/1\.mp4' has 1000 bytes and claims 5000\); check that the archive is complete")


def test_a_zip_bomb_is_counted_by_what_it_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty compressed kilobytes that a directory of 4000 entries names again and again: overlapping files."""
    with zipfile.ZipFile(tmp_path / "data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/0.mp4", bytes(50_000_000))
        entry = archive.infolist()[0]
        for number in range(1, 4000):
            copy = zipfile.ZipInfo(f"a/{number}.mp4")
            for field in ("compress_type", "CRC", "compress_size", "file_size", "header_offset", "flag_bits"):
                setattr(copy, field, getattr(entry, field))
            archive.filelist.append(copy)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2**30 + 100_000_000_000))
    refuse(tmp_path / "data.zip", r"unpacks to 100\.0 GB or more, where the disk has room for 100\.0 GB")


def test_a_zip64_of_an_exabyte_is_counted(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("a/1.mp4", CONTENT)
        archive.infolist()[0].file_size = 10**18
    refuse(tmp_path / "data.zip", r"unpacks to 1000000000\.0 GB or more")


def test_an_honest_zip64_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for name in SPLIT_FILES:
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(CONTENT)
    assert names(find(tmp_path / "data.zip", tmp_path)) == SPLIT_NAMES


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_a_zip_of_links_and_devices_is_refused(kind: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        entry = zipfile.ZipInfo("a/1.mp4")
        entry.external_attr = (kind | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    refuse(tmp_path / "data.zip", r"'a/1\.mp4' is a link or a device")


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_names_that_are_one_on_this_disk_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, other in (("a/1.mp4", "a/1.mp4"), ("a/1.mp4", "a//1.mp4"), ("a/1.mp4", "a\\1.mp4")):
        with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
            archive.writestr(name, CONTENT)
            archive.writestr(other, b"other")
        refuse(tmp_path / "data.zip", r"'a/1\.mp4' is there twice, or under two names")
    # A disk that does not tell upper from lower case, as a Mac's: what is opened there is one file.
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("a/Clip.mp4", CONTENT)
        archive.writestr("a/clip.mp4", b"other")
    unpack(tmp_path / "data.zip", tmp_path / "both")
    assert len(list((tmp_path / "both" / "a").iterdir())) == 2
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, *mode: opened(path.with_name(path.name.lower()), *mode))
    refuse(tmp_path / "data.zip", r"'a/clip\.mp4' is there twice, or under two names that are one on this disk")


def test_a_list_in_an_archive_names_no_other_file_of_this_machine(tmp_path: Path) -> None:
    mine = tmp_path / "private.mp4"
    mine.write_bytes(CONTENT)
    for number, path in enumerate(("../private.mp4", "../../private.mp4", str(mine), "a/../../private.mp4")):
        with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
            archive.writestr("clips.csv", f"path,label\na/1.mp4,jump\n{path},wave\n")
            archive.writestr("a/1.mp4", CONTENT)
        with pytest.raises(DataError, match=r"data\.zip: its list names '.*private\.mp4', which is not in it"):
            find(tmp_path / "data.zip", tmp_path, unpacked=str(number))
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("clips.csv", "path,label,split\na/1.mp4,jump,train\na/../b/2.mp4,wave,val\n")
        archive.writestr("a/1.mp4", CONTENT)
        archive.writestr("b/2.mp4", CONTENT)
    assert names(find(tmp_path / "data.zip", tmp_path))["val"] == [("2.mp4", "wave")]


def test_archives_in_an_archive_stay_packed(tmp_path: Path) -> None:
    inner = zip_of(tmp_path / "inner.zip", "c/9.mp4", CONTENT)
    data = touch(tmp_path / "data", *SPLIT_FILES)
    inner.replace(data / "train" / "a" / "inner.zip")
    assert names(find(zipped(data, tmp_path), tmp_path)) == SPLIT_NAMES
    assert (tmp_path / "unpacked" / "train" / "a" / "inner.zip").is_file()


@pytest.mark.parametrize("name", ["hf:someone/list/clips.csv", "hf:someone/only", "hf:someone/data/clips.rar"])
def test_only_archives_come_from_the_hub(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected hf:OWNER/DATASET/FILE\.tar\.gz, or a \.zip"):
        find(name, tmp_path)
