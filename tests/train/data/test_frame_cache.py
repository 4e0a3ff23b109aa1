from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generated import painted_number, write_clip
from vidcls.errors import VideoError
from vidcls_train.data.frame_cache import FrameCache


def cache(tmp_path: Path, *, short_side: int = 1000, limit_bytes: int = 10**9) -> FrameCache:
    return FrameCache(tmp_path / "cache", short_side=short_side, limit_bytes=limit_bytes)


def test_stored_frames_are_reduced_by_the_pixel_rule_and_never_enlarged(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", frames=5, width=160, height=120)
    full, small = cache(tmp_path), cache(tmp_path, short_side=50)
    key = small.add(path).key
    frames, reduced = full.read(path, key, range(5)), small.read(path, key, range(5))
    assert frames.shape == (5, 120, 160, 3)
    assert reduced.shape == (5, 50, 50 * 160 // 120, 3)
    for frame, stored in zip(frames, reduced, strict=True):
        expected = Image.fromarray(np.array(frame)).resize((66, 50), Image.Resampling.BILINEAR)
        assert np.array_equal(stored, np.asarray(expected))


def test_frames_are_the_same_stored_or_not(tmp_path: Path) -> None:
    # Otherwise a run's result would depend on how full the cache happens to be.
    path = write_clip(tmp_path / "clip.mp4", frames=20, width=160, height=120)
    stored = FrameCache(tmp_path / "stored", short_side=50, limit_bytes=10**9)
    not_stored = FrameCache(tmp_path / "not", short_side=50, limit_bytes=0)
    known = stored.add(path)
    assert known == not_stored.add(path) == stored.add(path)
    window = range(3, 17)
    assert np.array_equal(stored.read(path, known.key, window), not_stored.read(path, known.key, window))


def test_a_changed_file_is_decoded_again_and_a_copy_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = cache(tmp_path)
    path = write_clip(tmp_path / "clip.mp4", frames=5)
    assert len(frames.add(path).pts_seconds) == 5
    write_clip(path, frames=9)
    known = frames.add(path)
    assert len(known.pts_seconds) == 9
    assert frames.read(path, known.key, range(9)).shape[0] == 9
    (tmp_path / "elsewhere").mkdir()
    copy = shutil.copyfile(path, tmp_path / "elsewhere" / "renamed.mp4")
    with monkeypatch.context() as patch:
        patch.setattr("vidcls_train.data.frame_cache.open_video", None)  # decoding would fail
        assert cache(tmp_path).add(copy) == known


def test_a_store_that_is_full_or_fails_leaves_no_files(tmp_path: Path) -> None:
    frames = cache(tmp_path, limit_bytes=0)
    path = write_clip(tmp_path / "clip.mp4", frames=5)
    assert len(frames.add(path).pts_seconds) == 5
    (tmp_path / "broken.mp4").write_bytes(path.read_bytes()[:500])
    with pytest.raises(VideoError, match=r"broken\.mp4"):
        cache(tmp_path).add(tmp_path / "broken.mp4")
    with pytest.raises(VideoError, match=r"missing\.mp4"):
        frames.add(tmp_path / "missing.mp4")
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_clips_not_read_for_longest_make_room_but_for_the_runs_own(tmp_path: Path) -> None:
    paths = [write_clip(tmp_path / f"{number}.mp4", frames=5 + number) for number in range(4)]
    first = cache(tmp_path)
    keys = [first.add(path).key for path in paths[:2]]
    files = {file.name[:64]: file for file in (tmp_path / "cache").iterdir()}
    for key, age in zip(keys, (100, 200), strict=True):
        os.utime(files[key], (time.time() - age,) * 2)
    used = sum(file.stat().st_size for file in files.values())
    first.read(paths[1], keys[1], range(1))  # now the other one is the older
    # Room for three: the third fits, the fourth takes the place of the first, which this run does not read.
    room = used + files[keys[1]].stat().st_size * 2
    second = cache(tmp_path, limit_bytes=room)
    keys += [second.add(path).key for path in paths[2:]]
    kept = {file.name[:64] for file in (tmp_path / "cache").iterdir()}
    assert kept == set(keys[1:])
    assert sum(file.stat().st_size for file in (tmp_path / "cache").iterdir()) <= room
    # What was removed under the first run's feet is decoded again.
    assert painted_number(first.read(paths[0], keys[0], range(3, 4))[0]) == 3
    # A run keeps its own clips, however many others it has.
    third = cache(tmp_path, limit_bytes=used)
    own = third.add(paths[1]).key
    (stored,) = (tmp_path / "cache").glob(f"{own}*")
    os.utime(stored, (0, 0))  # even where it was not read for longest
    third.add(paths[0])
    assert own in {file.name[:64] for file in (tmp_path / "cache").iterdir()}


def test_runs_that_fill_a_store_at_once_find_each_others_clips_whole(tmp_path: Path) -> None:
    paths = [write_clip(tmp_path / f"{number}.mp4", frames=5 + number) for number in range(3)]
    script = (
        "import sys; from pathlib import Path; from vidcls_train.data.frame_cache import FrameCache\n"
        "cache = FrameCache(Path(sys.argv[1]), short_side=1000, limit_bytes=10**9)\n"
        "for path in map(Path, sys.argv[2:]): print(len(cache.read(path, cache.add(path).key, range(5))))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "cache"), *map(str, paths)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [run.communicate()[0].split() for run in runs] == [["5"] * 3] * 2
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_a_full_disk_is_told_once_and_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paths = [write_clip(tmp_path / f"{number}.mp4", frames=40 + number, width=640, height=480) for number in range(2)]
    frames = cache(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system refuses larger files, as it would on a disk without room.
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, before[1]))
    try:
        keys = [frames.add(path).key for path in paths]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [record.levelname for record in caplog.records if "the disk is full" in record.getMessage()] == ["WARNING"]
    assert list((tmp_path / "cache").iterdir()) == []
    assert painted_number(frames.read(paths[1], keys[1], range(7, 8))[0]) == 7
