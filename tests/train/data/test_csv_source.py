from __future__ import annotations

from pathlib import Path

import pytest

from empty_clips import SPLIT_FILES, SPLIT_NAMES, find, names, touch, zipped
from vidcls.errors import VideoError
from vidcls.video.reader import read_times
from vidcls_train.data.clip_list import DataError


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
        ("path,label\n\na.mp4,x\n\n\nb.mp4,\n", "line 6 is not of the form"),
        ('path,label,group\na.mp4,x,"two\nlines"\nb.mp4,\n', "line 4 is not of the form"),
        ('path,label,group\na.mp4,,"two\nlines"\n', "line 2 is not of the form"),
        ("path,label,label\na.mp4,x,y\n", "has the column 'label' twice, expected each once"),
        ('path,label,group\na.mp4,x,"yard\nb.mp4,y,field\n', r"is not a CSV in UTF-8 \(unexpected end of data\)"),
        ("path,label\na.mp4,x,y\n", "line 2 is not of the form"),
    ],
)
def test_a_csv_that_is_not_of_the_form_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    table = tmp_path / "clips.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=problem):
        find(table, tmp_path)


@pytest.mark.parametrize("name", ["/etc/hostname", "../secret.mp4", "x/../../secret.mp4"])
def test_a_csv_from_elsewhere_names_nothing_but_what_came_with_it(name: str, tmp_path: Path) -> None:
    rows = "".join(
        f"{number}.mp4,{'ab'[number % 2]},{split}\n" for number, split in enumerate(("train", "train", "val"))
    )
    clips = touch(tmp_path / "data", *(f"{number}.mp4" for number in range(3)))
    (clips / "list.csv").write_text(f"path,label,split\n{rows}{name},a,val\n", encoding="utf-8")
    assert len(find(clips, tmp_path).val) == 2  # the user's own
    with pytest.raises(DataError, match=rf"its list names '.*{Path(name).name}', which is not in it"):
        find(zipped(clips, tmp_path), tmp_path)


def test_what_a_csv_names_is_never_read_as_a_list_or_opened_as_a_url(tmp_path: Path) -> None:
    names = ("other.csv", "list.txt", "stream.m3u8", "folder", "http://127.0.0.1:9/a.mp4", "file:///etc/hostname")
    clips = touch(tmp_path / "data", "folder/inside.mp4")
    (clips / "other.csv").write_text("path,label\nfolder/inside.mp4,a\n", encoding="utf-8")
    (clips / "list.txt").write_text("ffconcat version 1.0\nfile folder/inside.mp4\n", encoding="utf-8")
    (clips / "stream.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nfolder/inside.mp4\n#EXT-X-ENDLIST\n", encoding="utf-8")
    table = clips / "clips.csv"
    rows = [f"{name},{'ab'[number % 2]},{split}" for split in ("train", "val") for number, name in enumerate(names)]
    table.write_text("path,label,split\n" + "\n".join(rows), encoding="utf-8")
    splits = find(table, tmp_path)
    assert [clip.path for clip in splits.train] == [clips / name for name in names]
    for clip in splits.train:
        with pytest.raises(VideoError):
            read_times(clip.path)
