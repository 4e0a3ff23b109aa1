"""Labelled stretches of long videos: which frames they are, what the rest of a video becomes, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from audited import check
from decoder_counts import Decoding
from generated import painted_frame, painted_number, write_clip, write_scene
from vidcls.clips import read_clips
from vidcls.contract import read_checkpoint
from vidcls_train.data.background import cut, uncovered, with_background
from vidcls_train.data.clip_list import ClipList, DataError, Footage
from vidcls_train.data.csv_source import read_csv
from vidcls_train.data.frame_cache import FrameCache
from vidcls_train.data.preparation import prepare
from vidcls_train.data.sources import find_clips
from vidcls_train.data.splits import split_clips
from vidcls_train.data.video import DecodedVideo
from vidcls_train.output.scored import Scored

RATE = 25
FLOATS = 1e-9  # seconds: differences of times that are equal as fractions


def write_table(folder: Path, *rows: str, columns: str = "video,start,end,label") -> Path:
    (folder / "clips.csv").write_text("\n".join([columns, *rows]), encoding="utf-8")
    return folder / "clips.csv"


def find(table: Path, tmp_path: Path, *, clip_seconds: float = 0.5, seed: int = 0) -> ClipList:
    return find_clips(str(table), unpack_to=tmp_path / "unpacked", clip_seconds=clip_seconds, seed=seed)


def write_numbers(path: Path, numbers: Sequence[int], *, codec: str) -> Path:
    """A video of painted frames, without loss where `codec` is FFV1."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), RATE, (64, 48))
    assert writer.isOpened()
    for number in numbers:
        writer.write(painted_frame(number % 256, width=64, height=48))
    writer.release()
    return path


@pytest.mark.parametrize("views", [1, 3])
@pytest.mark.parametrize("stretch", [(0.0, 2.0), (3.2, 6.0), (8.0, 10.0), (5.0, 5.2)])
def test_views_of_a_stretch_are_those_of_a_file_that_was_cut_there(
    stretch: tuple[float, float], views: int, checkpoint: Path, tmp_path: Path
) -> None:
    contract = read_checkpoint(checkpoint)
    whole = write_numbers(tmp_path / "whole.avi", range(10 * RATE), codec="FFV1")
    inside = range(round(stretch[0] * RATE), round(stretch[1] * RATE))
    alone = write_numbers(tmp_path / "alone.avi", inside, codec="FFV1")
    found = read_clips(whole, contract, views=views, stretch=stretch)
    expected = read_clips(alone, contract, views=views)
    assert np.array_equal(found.frames, expected.frames)
    np.testing.assert_allclose(found.windows, expected.windows, atol=FLOATS)
    np.testing.assert_allclose(found.timestamps, expected.timestamps, atol=FLOATS)


@pytest.mark.parametrize("limit_bytes", [0, 10**9])  # decoded on demand, and from the cache
def test_training_is_given_frames_of_the_stretch_alone(limit_bytes: int, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "long.mp4", frames=10 * RATE, rate=RATE)
    cache = FrameCache(tmp_path / "cache", short_side=1000, limit_bytes=limit_bytes)
    first, second = (DecodedVideo(path, cache.add(path, stretch), cache) for stretch in ((2.0, 4.0), (2.0, 4.04)))
    assert (float(first.duration), float(second.duration)) == pytest.approx((2.0, 2.04))
    for start, end, expected in ((0.0, 2.0, range(50, 100)), (1.0, 9.0, range(75, 100)), (0.4, 0.8, range(60, 70))):
        frames = first.get_clip(start, end)["video"].permute(1, 2, 3, 0).numpy()
        assert [painted_number(frame) for frame in frames] == list(expected)
    assert len(list((tmp_path / "cache").glob("*.frames"))) == (2 if limit_bytes else 0)


def test_of_a_long_video_little_more_than_the_stretch_is_decoded(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_numbers(tmp_path / "long.mp4", range(3600), codec="mp4v")
    decoding = Decoding(monkeypatch)
    FrameCache(tmp_path / "cache", short_side=1000, limit_bytes=10**9).add(path, (100.0, 102.0))
    read_clips(path, read_checkpoint(checkpoint), stretch=(100.0, 102.0))
    # The stretch and half of it again, each with the frames from the key frame before, and twice the video's end.
    assert decoding.grabbed[path] < 50 + 25 + 4 * 13


def test_what_no_row_covers_shows_none_of_the_labels(tmp_path: Path) -> None:
    for name in ("one.mp4", "two.mp4"):
        write_clip(tmp_path / name, frames=250, rate=RATE, width=64, height=48)
    rows = ["one.mp4,2,4,jump", "one.mp4,6,7.5,wave", "two.mp4,4,6,jump"]
    found = find(write_table(tmp_path, *rows), tmp_path)
    assert found.labels == ("_none", "jump", "wave")
    added = found.clips[len(rows) :]
    assert {clip.labels for clip in added} == {("_none",)}
    assert 0 < len(added) <= len(rows)
    for clip in added:
        assert clip.stretch is not None
        assert clip.stretch[0] >= 0
        assert clip.stretch[1] <= 10.0 + 1e-9
        assert 0.5 <= clip.stretch[1] - clip.stretch[0] <= 2.0 + 1e-9  # as long as the labelled ones
        labelled = [other.stretch for other in found.clips[: len(rows)] if other.path == clip.path and other.stretch]
        assert all(clip.stretch[1] <= start - 1 or end + 1 <= clip.stretch[0] for start, end in labelled)
    # A video is of one group, what is labelled of it and what is not.
    assert {(clip.path, clip.group) for clip in found.clips} == {
        (tmp_path / name, str(tmp_path / name)) for name in ("one.mp4", "two.mp4")
    }
    assert find(tmp_path / "clips.csv", tmp_path) == found
    others = [find(tmp_path / "clips.csv", tmp_path, seed=seed).clips for seed in range(1, 6)]
    assert any(other != found.clips for other in others)


def test_in_each_split_there_are_no_more_clips_of_none_than_labelled_ones(tmp_path: Path) -> None:
    for name in ("one.mp4", "two.mp4"):
        write_clip(tmp_path / name, frames=750, rate=RATE, width=64, height=48)
    rows = ["one.mp4,2,3,jump,train", "one.mp4,9,10,jump,train", "one.mp4,20,21,_none,train", "two.mp4,5,6,jump,val"]
    table = write_table(tmp_path, *rows, columns="video,start,end,label,split")
    found = find(table, tmp_path)
    assert found.labels == ("_none", "jump")  # one label is enough
    assert found.split_names is not None
    pairs = list(zip(found.clips, found.split_names, strict=True))
    for split, path, expected in (("train", tmp_path / "one.mp4", 2), ("val", tmp_path / "two.mp4", 1)):
        none = [clip for clip, name in pairs if name == split and clip.labels == ("_none",)]
        assert len(none) == expected
        assert {clip.path for clip in none} == {path}


def test_where_labels_hold_together_the_rest_has_no_label(tmp_path: Path) -> None:
    write_clip(tmp_path / "long.mp4", frames=500, rate=RATE, width=64, height=48)
    rows = ["long.mp4,2,4,jump", "long.mp4,4,6,jump|wave", "long.mp4,6,8,"]
    found = find(write_table(tmp_path, *rows, columns="video,start,end,labels"), tmp_path)
    assert (found.labels, found.none_label) == (("jump", "wave"), None)
    assert [clip.labels for clip in found.clips[:3]] == [("jump",), ("jump", "wave"), ()]
    assert [clip.labels for clip in found.clips[3:]] == [()]


def test_gaps_are_cut_by_hand() -> None:
    assert uncovered([], length=5) == [(0.0, 5)]
    assert uncovered([(0.5, 4.5)], length=5) == []
    assert cut([(0.0, 10.0)], seconds=4, least=1) == [(0.0, 4.0), (5.0, 9.0)]
    assert cut([(0.0, 0.9)], seconds=4, least=1) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("long.mp4,5,5,a", "line 3 ends at 5 s, expected an end after its start at 5 s"),
        ("long.mp4,-1,5,a", "line 3 has start '-1', expected seconds after the video's first frame, from 0 on"),
        ("long.mp4,1,soon,a", "line 3 has end 'soon', expected seconds"),
        ("long.mp4,1,nan,a", "line 3 has end 'nan', expected seconds"),
        ("long.mp4,5,,a", "line 3 is not of the form video,start,end,label"),
        ("long.mp4,9,10.2,a", "line 3 ends at 10.2 s, expected at most the 10.00 s that long.mp4 lasts"),
        ("long\0.mp4,1,2,a", r"line 3 names .*, which cannot be read \(is not a name that a file can have\)"),
        ("gone.mp4,1,2,a", r"line 3 names .*gone.mp4, which cannot be read \(there is no such file\)"),
        ("long.mp4,1.9,3,b", r"lines 2 \('a'\) and 3 \('b'\) overlap; .* a column 'labels' and a\|b in it"),
    ],
)
def test_rows_that_are_wrong_are_named(row: str, problem: str, tmp_path: Path) -> None:
    write_clip(tmp_path / "long.mp4", frames=250, rate=RATE, width=64, height=48)
    with pytest.raises(DataError, match=rf"clips\.csv: {problem}"):
        find(write_table(tmp_path, "long.mp4,1,2,a", row), tmp_path)


def test_rows_of_one_label_may_overlap_and_a_rounded_end_is_no_fault(tmp_path: Path) -> None:
    write_clip(tmp_path / "long.mp4", frames=250, rate=RATE, width=64, height=48)
    rows = ["long.mp4,1,3,a", "long.mp4,2,4,a", "long.mp4,4,5,b", "long.mp4,9,10.05,b"]
    assert len(find(write_table(tmp_path, *rows), tmp_path).clips) >= 4


def test_a_video_in_two_splits_is_refused(tmp_path: Path) -> None:
    table = write_table(
        tmp_path, "a.mp4,1,2,a,train", "b.mp4,1,2,b,val", "a.mp4,3,4,b,val", columns="video,start,end,label,split"
    )
    with pytest.raises(DataError, match=r"lines 2 and 4 put a\.mp4 into 'train' and 'val'; give all stretches"):
        read_csv(table)


def test_a_video_is_of_one_group_and_in_one_split_whatever_its_rows_say(tmp_path: Path) -> None:
    rows = []
    for video in range(4):
        (tmp_path / f"{video}.mp4").touch()
        (tmp_path / f"link{video}.mp4").symlink_to(f"{video}.mp4")
        names = (f"{video}.mp4", f"../{tmp_path.name}/{video}.mp4", str(tmp_path / f"{video}.mp4"), f"link{video}.mp4")
        rows += [f"{names[take % 4]},{take},{take + 1.5},jump,{video}/take{take}" for take in range(12)]
    rows.append("3.mp4,30,31,jump,2/take0")  # which is of video 2
    found = read_csv(write_table(tmp_path, *rows, columns="video,start,end,label,group"))
    assert {clip.path for clip in found.clips} == {tmp_path / f"{video}.mp4" for video in range(4)}
    groups = [{clip.group for clip in found.clips if clip.path.stem == str(video)} for video in range(4)]
    assert [len(of_video) for of_video in groups] == [1, 1, 1, 1]
    assert groups[2] == groups[3]
    assert len(set.union(*groups)) == 3
    splits = split_clips(found, val_fraction=0.34, seed=0)
    videos = [{clip.path for clip in split} for split in (splits.train, splits.val, splits.test)]
    assert sum(map(len, videos)) == len(set.union(*videos)) == 4


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (["a.mp4,1,3,a,train", "./b/../a.mp4,2,4,b,train"], r"lines 2 \('a'\) and 3 \('b'\) overlap"),
        (["a.mp4,1,2,a,train", "./b/../a.mp4,3,4,b,val"], r"lines 2 and 3 put a\.mp4 into 'train' and 'val'"),
    ],
)
def test_two_spellings_of_a_path_are_one_video(rows: list[str], problem: str, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(DataError, match=problem):
        read_csv(write_table(tmp_path, *rows, columns="video,start,end,label,split"))


def test_a_video_that_cannot_be_opened_is_left_to_the_check_of_the_data(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    found = read_csv(write_table(tmp_path, "broken.mp4,1,2,a", "broken.mp4,5,6,b"))
    assert with_background(found, clip_seconds=0.5, seed=0) == found


def test_stretches_are_checked_and_prepared_as_clips_are(checkpoint: Path, tmp_path: Path) -> None:
    contract = read_checkpoint(checkpoint)
    rows = []
    for split, videos in (("train", 2), ("val", 1), ("test", 1)):
        for number in range(videos):
            name = f"{split}{number}.mp4"
            write_clip(tmp_path / name, frames=250, rate=RATE, width=64, height=48)
            rows += [f"{name},1,3,jump,{split}", f"{name},5,7,wave,{split}"]
    table = write_table(tmp_path, *rows, columns="video,start,end,label,split")
    cache = FrameCache(tmp_path / "cache", short_side=48, limit_bytes=10**9)
    checked = check(table, tmp_path, cache=cache)
    # The same painted numbers in every video: their copies are found, and none between stretches of one video.
    assert all(len({video.split(" [")[0] for video in pair.videos}) == 2 for pair in checked.report.pairs)
    assert checked.report.counts["jump"] == {"train": 2, "val": 1, "test": 1}
    assert {row.seconds for row in checked.report.clips if row.label != "_none"} == {2.0}
    assert checked.report.clips[0].video == f"{tmp_path / 'train0.mp4'} [1.00 to 3.00 s]"
    prepared = prepare(checked.splits, contract, cache=cache, cached=checked.cached, views_folder=tmp_path / "views")
    assert len(set(prepared.val_views)) == len(prepared.val) > 2
    for clip, video in zip(prepared.train, prepared.train_videos, strict=True):
        assert clip.stretch is not None
        frames = video.get_clip(0.0, 100.0)["video"].permute(1, 2, 3, 0).numpy()
        first, last = (round(seconds * RATE) for seconds in clip.stretch)
        assert [painted_number(frame) for frame in frames] == list(range(first, last))
    for clip, file in zip(prepared.val, prepared.val_views, strict=True):
        size = contract.image.crop_size
        view = np.fromfile(file, np.uint8).reshape(-1, size, size, 3)
        assert np.array_equal(view, read_clips(clip.path, contract, stretch=clip.stretch).frames[0])


def test_a_copied_stretch_takes_no_other_stretch_of_its_video_along(tmp_path: Path) -> None:
    write_scene(tmp_path / "train.mp4", place=100, frames=38)
    write_scene(tmp_path / "other.mp4", place=101, frames=38)
    write_scene(tmp_path / "val.mp4", place=100, frames=100)
    rows = ["other.mp4,0,1.5,wave,train"]
    rows += ["train.mp4,0,1.5,jump,train", "val.mp4,0,1.5,jump,val", "val.mp4,2.4,3.9,jump,val"]
    checked = check(write_table(tmp_path, *rows, columns="video,start,end,label,split"), tmp_path)
    copy = Footage(tmp_path / "val.mp4", (0.0, 1.5))
    assert checked.copies == {"val": [copy], "test": []}
    val = checked.splits.val
    apart = Scored(clips=val, logits=np.zeros((len(val), 1), np.float32), views=1, crops=1).without({copy})
    assert apart is not None
    assert {clip.footage for clip in apart.clips} == {clip.footage for clip in val} - {copy}
    assert any(clip.path == copy.path for clip in apart.clips)
