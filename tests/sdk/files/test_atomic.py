"""Files that are whole or not there: for readers, after a kill, after a power cut."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from power_cut import recorded
from vidcls.files import atomic
from vidcls.files.atomic import (
    is_unfinished,
    make_folder,
    remove_abandoned,
    whole_file,
    whole_files,
    whole_folder,
    write_whole,
)


def test_content_reaches_the_disk_before_its_name_does(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    with recorded() as recording:
        write_whole(tmp_path / "old", b"new")
        write_whole(tmp_path / "first", b"")
        with whole_files(tmp_path / "many") as scratch:
            (scratch / "b").write_bytes(b"2")
            (scratch / "a").write_bytes(b"1")
    assert recording.problems == []
    assert [path.name for path in recording.renamed] == ["old", "first", "a", "b"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == {
        "old": b"new",
        "first": b"",
    }
    assert {path.name: path.read_bytes() for path in (tmp_path / "many").iterdir()} == {"a": b"1", "b": b"2"}


@pytest.mark.parametrize("is_there", [False, True])
def test_a_folder_is_there_with_all_its_files_or_not_at_all(is_there: bool, tmp_path: Path) -> None:
    target = tmp_path / "above" / "folder"
    if is_there:
        target.mkdir(parents=True)
    with pytest.raises(FileNotFoundError), whole_folder(target) as scratch:
        (scratch / "missing" / "a").write_bytes(b"1")
    assert list(target.parent.iterdir()) == ([target] if is_there else [])
    with recorded() as recording, whole_folder(target) as scratch:
        (scratch / "a").write_bytes(b"1")
        (scratch / "b").write_bytes(b"2")
        (scratch / "inner").mkdir()
        (scratch / "inner" / "c").write_bytes(b"3")
        assert is_unfinished(scratch.name)
        assert not target.exists() or not list(target.iterdir())
    assert recording.problems == []
    for name in ("a", "b", "inner/c"):
        assert 0 < recording.synced(target / name) < recording.renamed[target]
    found = {path.name: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found == {"a": b"1", "b": b"2", "c": b"3"}
    assert list(target.parent.iterdir()) == [target]


def test_a_link_to_an_empty_folder_stays_one(tmp_path: Path) -> None:
    (tmp_path / "disk" / "folder").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "disk" / "folder")
    with whole_folder(link) as scratch:
        (scratch / "a").write_bytes(b"1")
    assert link.is_symlink()
    assert (tmp_path / "disk" / "folder" / "a").read_bytes() == b"1"
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["folder"]


def test_the_recording_finds_what_a_power_cut_would_destroy(tmp_path: Path) -> None:
    with recorded() as recording:
        (tmp_path / "part").write_bytes(b"never forced")
        os.replace(tmp_path / "part", tmp_path / "file")  # noqa: PTH105 - what is recorded
    assert recording.problems == [
        f"{tmp_path}/file gets its name before its content is on the disk",
        f"the name of {tmp_path}/file may be lost",
    ]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_system_calls_come_in_that_order(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from vidcls.files.atomic import write_whole\n"
    code += "write_whole(Path(sys.argv[1]), b'x' * 3_000_000)"
    trace = tmp_path / "trace"
    calls = "trace=write,fsync,fdatasync,rename,renameat,renameat2"
    command = ["strace", "-f", "-y", "-qq", "-e", calls, "-o", str(trace)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    target = tmp_path / "folder" / "file"
    target.parent.mkdir()
    result = subprocess.run([*command, sys.executable, "-c", code, str(target)], env=environment, check=False)
    if result.returncode:
        pytest.skip("strace may not trace here")
    lines = [line for line in trace.read_text(encoding="utf-8").splitlines() if str(target.parent) in line]
    shortened = [re.sub(r"^\d+ +(\w+)\(.*", r"\1", line) for line in lines]
    # Written, however many calls that takes, then forced, then renamed, then its folder forced.
    assert re.fullmatch(r"(write,)+fsync,rename,fsync", ",".join(shortened)), lines
    assert f"<{target.parent}>" in lines[-1]


def test_what_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    write_whole(target, b"old")
    with pytest.raises(FileNotFoundError), whole_file(target):  # nothing was written
        pass
    with pytest.raises(IsADirectoryError), whole_file(target) as part:
        part.mkdir()
    part.rmdir()

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(target, b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def test_filesystems_that_cannot_force_are_written_to_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_handle: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_where_folders_cannot_be_opened_files_are_forced_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    monkeypatch.setattr(atomic, "sync_folder", lambda _folder: None)
    write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_file_may_be_read_by_whom_other_files_may(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_whole(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_killed_writer_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from vidcls.files.atomic import write_whole
while True:
    for letter in b"ab":
        write_whole(Path(sys.argv[1]), bytes([letter]) * 2_000_000)
"""
    target = tmp_path / "file"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for milliseconds in (0, 7, 31):
        process = subprocess.Popen([sys.executable, "-c", code, str(target)], env=environment)
        while not target.exists():
            time.sleep(0.001)
        time.sleep(milliseconds / 1000)
        process.kill()
        process.wait()
        content = target.read_bytes()
        assert len(content) == 2_000_000
        assert len(set(content)) == 1
        assert all(path == target or is_unfinished(path.name) for path in tmp_path.iterdir())
        target.unlink()


def test_what_killed_writers_left_is_removed_once_nobody_can_be_writing_it(tmp_path: Path) -> None:
    for name in ("0" * 32, "1" * 32, "2" * 32):
        (tmp_path / f".{name}.part").touch()
    (tmp_path / f".{'3' * 32}.part").mkdir()
    (tmp_path / f".{'3' * 32}.part" / "weights").touch()
    for name in (".mine.part", "file.part", ".hidden"):
        (tmp_path / name).touch()
    long_ago = time.time() - 25 * 3600
    for path in tmp_path.iterdir():
        os.utime(path, (long_ago, long_ago))
    os.utime(tmp_path / f".{'1' * 32}.part")
    remove_abandoned(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f".{'1' * 32}.part", ".mine.part", "file.part", ".hidden"}


def test_the_names_of_new_folders_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(atomic, "sync_folder", synced.append)
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert synced == [tmp_path, tmp_path / "a"]
    make_folder(tmp_path / "a" / "b")
    assert len(synced) == 2
