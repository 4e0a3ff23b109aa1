"""What a SOURCE names: folders, patterns, lists and URLs, on the disk and on a filesystem in memory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from uuid import uuid4

import pytest

from vidcls import VideoClassifier, VideoError
from vidcls.batch.listing import list_source
from vidcls.batch.remote import fetched

fsspec = pytest.importorskip("fsspec")
pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for name in ("b.mp4", "a.AVI", "deep/er/c.webm", ".hidden.mp4", ".hidden/d.mp4", "notes.txt", "sound.mp3"):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "clips"


def names(source: object, root: Path) -> list[str]:
    return [Path(name).relative_to(root).as_posix() for name in list_source(str(source))]


def test_a_folder_is_all_videos_below_it(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(clips, clips) == ["a.AVI", "b.mp4", "deep/er/c.webm"]
    monkeypatch.chdir(clips.parent)
    assert list_source("clips") == list_source(str(clips))


def test_a_pattern_is_what_it_matches(clips: Path) -> None:
    assert names(f"{clips}/*.mp4", clips) == ["b.mp4"]
    assert names(f"{clips}/**/*.webm", clips) == ["deep/er/c.webm"]
    assert names(f"{clips}/[ab].*", clips) == ["a.AVI", "b.mp4"]
    assert names(f"{clips}/.*.mp4", clips) == [".hidden.mp4"]
    assert names(f"{clips}/?.mp4", clips) == ["b.mp4"]


def test_a_pattern_gives_videos_and_what_has_its_own_ending(clips: Path) -> None:
    """As `predict` takes it: the notes and sounds beside the videos are none that could not be read."""
    assert names(f"{clips}/*", clips) == ["a.AVI", "b.mp4"]
    assert names(f"{clips}/*.mp3", clips) == ["sound.mp3"]


def test_a_name_with_a_star_in_it_is_itself(clips: Path) -> None:
    (clips / "take [1].mp4").touch()
    assert names(clips / "take [1].mp4", clips) == ["take [1].mp4"]


def test_one_video_is_itself_whatever_its_ending(clips: Path) -> None:
    assert list_source(str(clips / "sound.mp3")) == [str(clips / "sound.mp3")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.txt", "b.mp4\n\n  deep/er/c.webm \n/elsewhere/x.mp4\nhttp://host/y.mp4\nb.mp4\n"),
        ("list.csv", "label,path\nx,b.mp4\ny,deep/er/c.webm\nz,/elsewhere/x.mp4\nz,http://host/y.mp4\n"),
        ("list.csv", "b.mp4,x\ndeep/er/c.webm,y\n/elsewhere/x.mp4,z\nhttp://host/y.mp4,z\n"),
        ("list.csv", "\ufeffvideo\r\nb.mp4\r\ndeep/er/c.webm\r\n/elsewhere/x.mp4\r\nhttp://host/y.mp4\r\n"),
    ],
)
def test_a_list_names_videos_beside_it_or_anywhere(name: str, content: str, clips: Path) -> None:
    (clips / name).write_text(content, encoding="utf-8", newline="")
    expected = [f"{clips}/b.mp4", f"{clips}/deep/er/c.webm", "/elsewhere/x.mp4", "http://host/y.mp4"]
    assert list(dict.fromkeys(list_source(str(clips / name)))) == expected


def test_what_a_list_names_is_a_video_and_never_read_as_a_list(clips: Path, model: Path) -> None:
    (clips / "other.txt").write_text("b.mp4\n", encoding="utf-8")
    (clips / "parts.txt").write_text("ffconcat version 1.0\nfile b.mp4\n", encoding="utf-8")
    (clips / "stream.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nb.mp4\n#EXT-X-ENDLIST\n", encoding="utf-8")
    written = ["list.txt", "other.txt", "parts.txt", "stream.m3u8", "../clips", "*.mp4", "file:///etc/passwd"]
    (clips / "list.txt").write_text("\n".join([*written, "subfile,,start,0,end,9,,:b.mp4"]), encoding="utf-8")
    found = list_source(str(clips / "list.txt"))
    assert found[:2] == [f"{clips}/list.txt", f"{clips}/other.txt"]
    assert found[4:7] == [f"{clips}/../clips", f"{clips}/*.mp4", "file:///etc/passwd"]
    assert len(found) == len(written) + 1
    classifier = VideoClassifier(model)
    for name in found:
        with pytest.raises(VideoError), fetched(name) as source:
            classifier.predict(source)


def test_a_list_of_pieces_of_other_files_is_refused(clips: Path) -> None:
    (clips / "pieces.json").write_text('{"a.mp4": ["/etc/passwd"]}', encoding="utf-8")
    for name in (f"reference://a.mp4?fo={clips}/pieces.json", "simplecache::reference://a.mp4"):
        with pytest.raises(ValueError, match="is a list of other files; name the files themselves"):
            list_source(name)
        with pytest.raises(VideoError, match="is a list of other files"), fetched(name):
            pass


def test_what_is_no_file_is_named(clips: Path) -> None:
    os.mkfifo(clips / "list.txt")
    with pytest.raises(ValueError, match=r"list\.txt: is neither a file nor a folder"):
        list_source(str(clips / "list.txt"))


def test_one_bad_name_is_one_bad_video() -> None:
    for name in ("nothing://bucket/x.mp4", "zip://x.mp4::nothing://y", "ftp://127.0.0.1:9/x.mp4"):
        with pytest.raises(VideoError, match="cannot be fetched"), fetched(name):
            pass


def test_one_video_has_one_name(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clips / "list.txt").write_text("./b.mp4\nb.mp4\ndeep//er/c.webm\n", encoding="utf-8")
    first, second, third = list_source(str(clips / "list.txt"))
    assert first == second == f"{clips}/b.mp4"
    assert third == f"{clips}/deep/er/c.webm"
    monkeypatch.chdir(clips)
    assert list_source("b.mp4") == [first]


def test_a_parquet_list_has_a_column_path(clips: Path) -> None:
    parquet.write_table(pa.table({"id": [1, 2], "path": ["b.mp4", "deep/c.mp4"]}), clips / "list.parquet")
    assert list_source(str(clips / "list.parquet")) == [f"{clips}/b.mp4", f"{clips}/deep/c.mp4"]
    parquet.write_table(pa.table({"id": [1], "file": ["b.mp4"]}), clips / "list.parquet")
    with pytest.raises(ValueError, match=r"list\.parquet: has the columns id, file, expected one named 'path'"):
        list_source(str(clips / "list.parquet"))


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_a_row_of_a_parquet_list_without_a_name_is_told_as_a_csvs_is(empty: str | None, clips: Path) -> None:
    parquet.write_table(pa.table({"id": [1, 2, 3], "path": ["b.mp4", empty, "b.mp4"]}), clips / "list.parquet")
    with pytest.raises(ValueError, match=r"list\.parquet: row 2 names no video; add its name, or remove the row"):
        list_source(str(clips / "list.parquet"))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("list.parquet", b"no parquet", "is no Parquet file"),
        ("list.txt", b"\xff\xfe", "is not UTF-8 text"),
        ("list.txt", b"\n\n", "holds no videos"),
        ("list.csv", b"", "holds no videos"),
        ("list.csv", b"id,path\n1,b.mp4\n\n2\n3,b.mp4\n", "line 4 names no video; add its name, or remove the line"),
        ("list.csv", b"id,path\n1,\n", "line 2 names no video"),
        ("list.csv", b"b.mp4\n \n", "line 2 names no video"),
        ("list.csv", b'path\n"b.mp4\nc.mp4\nd.mp4\n', r"line 4 is not of a CSV \(unexpected end of data\); correct it"),
    ],
)
def test_a_bad_list_is_named(name: str, content: bytes, problem: str, clips: Path) -> None:
    (clips / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"^[^\n]*{name}: {problem}[^\n]*$"):
        list_source(str(clips / name))


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("gone", "gone: there is no such file or folder"),
        ("*.mov", r"\*\.mov: holds no videos"),
        ("nothing://bucket/x", "nothing://bucket/x: cannot be opened"),
    ],
)
def test_what_is_not_there_is_named(source: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=problem):
        list_source(source)


def test_an_http_url_is_left_to_the_decoder() -> None:
    with fetched("http://host/a.mp4") as source:
        assert source == "http://host/a.mp4"
    assert list_source("http://host/a.mp4") == ["http://host/a.mp4"]


@pytest.fixture
def bucket(clip: Path) -> str:
    """A folder in memory with a clip, and one that is none."""
    folder = f"memory://{uuid4().hex}"
    files = fsspec.filesystem("memory")
    for name, content in (("a.mp4", clip.read_bytes()), ("deep/b.mp4", b"no video"), ("list.txt", b"a.mp4\n")):
        files.pipe(f"{folder}/{name}", content)
    return folder


def test_a_url_is_listed_like_a_folder(bucket: str) -> None:
    found = list_source(bucket)
    assert [name.removeprefix("memory://").lstrip("/") for name in found] == [
        f"{bucket.removeprefix('memory://')}/{name}" for name in ("a.mp4", "deep/b.mp4")
    ]
    assert list_source(f"{bucket}/*.mp4") == found[:1]
    assert list_source(f"{bucket}/list.txt") == found[:1]


def test_what_was_fetched_answers_as_the_file_does_and_leaves_nothing(bucket: str, clip: Path, model: Path) -> None:
    classifier = VideoClassifier(model)
    with fetched(f"{bucket}/a.mp4") as source:
        copy = Path(str(source))
        assert (classifier.predict(copy).logits == classifier.predict(clip).logits).all()
    assert not copy.exists()


def test_errors_of_what_was_fetched_name_the_url(bucket: str, model: Path) -> None:
    for name, problem in (("deep/b.mp4", "is a text, not a video"), ("gone.mp4", "cannot be fetched")):
        url = f"{bucket}/{name}"
        with pytest.raises(VideoError, match=rf"^{url}: [^\n]*({problem})") as error, fetched(url) as source:
            VideoClassifier(model).predict(source)
        assert error.value.path == url
        assert tempfile.gettempdir() not in str(error.value)
