from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from decoder_counts import Decoding
from generated import painted_number, write_av_clip, write_clip
from vidcls.errors import VideoError
from vidcls.video.reader import iter_frames, read_times
from vidcls_train.data.frame_cache import FrameCache
from videos import KINDS


def cache(tmp_path: Path, *, short_side: int = 1000, limit_bytes: int = 10**9) -> FrameCache:
    return FrameCache(tmp_path / "cache", short_side=short_side, limit_bytes=limit_bytes)


def damaged(path: Path, *, frames: int, at: int) -> Path:
    """A clip of which the packets from frame `at` on are zeros: they are there, and cannot be decoded."""
    write_av_clip(path, frames=frames, codec="mpeg4")
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    for position, size in places[at:]:
        assert position is not None
        content[position : position + size] = bytes(size)
    path.write_bytes(content)
    return path


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


def stored_keys(tmp_path: Path) -> set[str]:
    return {file.name[:64] for file in (tmp_path / "cache").iterdir()}


@pytest.mark.parametrize("has_room", [True, False])
def test_what_another_run_removed_is_told_once_and_made_again_where_there_is_room(
    has_room: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write_clip(tmp_path / f"{number}.mp4", frames=5 + number) for number in range(3)]
    probe = cache(tmp_path)
    own = [probe.add(path).key for path in paths[:2]]
    used = sum(file.stat().st_size for file in (tmp_path / "cache").iterdir())
    run = cache(tmp_path, limit_bytes=10**9 if has_room else used)
    assert [run.add(path).key for path in paths[:2]] == own
    others = cache(tmp_path, limit_bytes=used).add(paths[2]).key
    assert others in stored_keys(tmp_path)
    assert not set(own) <= stored_keys(tmp_path)
    for _ in range(2):
        decoding = Decoding(monkeypatch)
        for path, key in zip(paths, own, strict=False):
            assert painted_number(run.read(path, key, range(3, 4))[0]) == 3
    assert (sum(decoding.opened.values()) == 0) == has_room
    assert set(own) <= stored_keys(tmp_path) if has_room else not set(own) <= stored_keys(tmp_path)
    assert others in stored_keys(tmp_path)
    (said,) = [record.getMessage() for record in caplog.records]
    assert "was removed meanwhile, as by another run with a smaller --cache-gb" in said


@pytest.mark.parametrize("limit_bytes", [0, 1_000_000])
def test_clips_without_room_are_told_of_unless_there_was_to_be_none(
    limit_bytes: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In 48 x 64 pixels and RGB, 40 frames take 369 kB: two of three fit."""
    paths = [write_clip(tmp_path / f"{number}.mp4", frames=40 + number, width=64, height=48) for number in range(3)]
    run = cache(tmp_path, limit_bytes=limit_bytes)
    run.tell_left_out([run.add(path) for path in paths])
    said = [record.getMessage() for record in caplog.records]
    assert said == limit_bytes // 1_000_000 * [
        "1 of 3 training videos do not fit into the cache and are decoded anew in every epoch; "
        f"give --cache-gb 1 instead of 0.001, where {tmp_path / 'cache'} has room for that"
    ]


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


def stored_files(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize(
    "kind", ["pyramid of seven in avi", "gif of variable rate", "edit list that cuts off both", "avi without an index"]
)
def test_frames_and_times_are_those_of_the_reader(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path).path
    frames = cache(tmp_path)
    known = frames.add(path)
    assert known.pts_seconds == read_times(path)
    assert frames.add(path) == known
    count = len(known.pts_seconds)
    assert np.array_equal(frames.read(path, known.key, range(count)), list(iter_frames(path, range(count))))


def test_adding_opens_a_video_once_and_decodes_each_frame_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_av_clip(tmp_path / "clip.mp4", frames=40, codec="libx264", b_frames=2)
    decoding = Decoding(monkeypatch)
    cache(tmp_path).add(path)
    assert (decoding.opened[path], decoding.grabbed[path], decoding.converted[path]) == (1, 40, 40)


@pytest.mark.parametrize("limit_bytes", [0, 10**9])
def test_a_video_that_ends_before_its_packets_say_is_stored_as_it_is(tmp_path: Path, limit_bytes: int) -> None:
    path = damaged(tmp_path / "damaged.mp4", frames=100, at=60)
    times = read_times(path)
    assert 50 < len(times) < 100
    frames = cache(tmp_path, limit_bytes=limit_bytes)
    known = frames.add(path)
    assert known.pts_seconds == times
    window = range(len(times))
    assert [painted_number(frame) for frame in frames.read(path, known.key, window)] == list(window)
    assert len(stored_files(tmp_path)) == (1 if limit_bytes else 0)


def test_a_video_of_which_prediction_makes_nothing_is_refused(tmp_path: Path) -> None:
    path = damaged(tmp_path / "damaged.mp4", frames=400, at=3)
    with pytest.raises(VideoError, match=r"damaged\.mp4: only .* can be decoded"):
        cache(tmp_path).add(path)
    assert stored_files(tmp_path) == []


def test_frames_of_other_sizes_are_fitted_to_the_first(tmp_path: Path) -> None:
    first = write_av_clip(tmp_path / "first.ts", frames=10, codec="libx264", width=160, height=120)
    for name, (width, height) in {"larger": (320, 240), "portrait": (120, 160)}.items():
        second = write_av_clip(tmp_path / f"{name}-second.ts", frames=10, codec="libx264", width=width, height=height)
        path = tmp_path / f"{name}.ts"
        path.write_bytes(first.read_bytes() + second.read_bytes())
        stored, anew = cache(tmp_path, short_side=60), FrameCache(tmp_path / "not", short_side=60, limit_bytes=0)
        known = stored.add(path)
        assert known == anew.add(path)
        frames = stored.read(path, known.key, range(20))
        assert frames.shape == (20, 60, 80, 3)
        assert np.array_equal(frames, anew.read(path, known.key, range(20)))
        assert np.array_equal(frames[12:17], anew.read(path, known.key, range(12, 17)))
        whole = list(iter_frames(path, range(20)))
        assert whole[15].shape == (height, width, 3)
        middle = Image.fromarray(np.array(whole[15])).resize((80, 80 * height // width), Image.Resampling.BILINEAR)
        top = (middle.height - 60) // 2
        assert np.array_equal(frames[15], np.asarray(middle)[top : top + 60])


def test_a_killed_run_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", frames=60)
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from vidcls.video.reader import open_video\n"
        "from vidcls_train.data.frame_cache import FrameCache\n"
        "class Killer:\n"
        "    def restart(self, frame_index): pass\n"
        "    def add(self, number, picture):\n"
        "        if number == 40: os.kill(os.getpid(), signal.SIGKILL)\n"
        "cache, path = FrameCache(Path(sys.argv[1]), short_side=1000, limit_bytes=10**9), Path(sys.argv[2])\n"
        "with open_video(path) as reader: cache.add_along(reader, path, [Killer()])"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "cache"), str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = stored_files(tmp_path)
    assert left.suffix == ".part"
    frames = cache(tmp_path)
    known = frames.add(path)
    assert painted_number(frames.read(path, known.key, range(50, 51))[0]) == 50
    os.utime(left, (0, 0))  # long ago
    frames.add(write_clip(tmp_path / "other.mp4", frames=5))
    assert {file.suffix for file in stored_files(tmp_path)} == {".frames"}


def test_what_earlier_versions_stored_is_not_read(tmp_path: Path) -> None:
    # Of some files they took another picture track, or other times.
    path = write_clip(tmp_path / "clip.mp4", frames=5)
    frames = cache(tmp_path)
    key = frames.add(path).key
    (file,) = stored_files(tmp_path)
    assert file.name == f"{key}-1000-4.frames"
    file.rename(file.with_name(f"{key}-1000-3.npy"))
    assert len(cache(tmp_path).add(path).pts_seconds) == 5
    assert len(stored_files(tmp_path)) == 2


@pytest.fixture
def somebody_elses() -> Iterator[Path]:
    """A folder that this process may read and not write, although root may write anywhere."""
    around = Path(tempfile.mkdtemp())  # pytest's own folders nobody else may look into
    folder = around / "shared"
    folder.mkdir()
    for path in (folder, around):
        path.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        os.seteuid(user)
        for path in (around, folder):
            path.chmod(0o755)
        shutil.rmtree(around)


@pytest.mark.parametrize("name", ["frames", "."], ids=["cannot be made", "cannot be written to"])
def test_a_folder_that_cannot_be_written_to_costs_time_alone(
    name: str, somebody_elses: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with tempfile.TemporaryDirectory() as own:
        check_without_room(somebody_elses / name, write_clip(Path(own) / "clip.mp4", frames=5), caplog)
    assert list(somebody_elses.iterdir()) == []


def check_without_room(folder: Path, video: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = FrameCache(folder, short_side=50, limit_bytes=10**9)
    known = frames.add(video)
    frames.settle([known])
    assert frames.complete(video, known) == known == frames.add(video)
    assert frames.read(video, known.key, range(2, 5)).shape[0] == 3
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{folder}: cannot be written to (")
    assert said.endswith("set XDG_CACHE_HOME to a folder that can")


def test_a_filesystem_without_locks_is_used_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))  # as Lustre says, mounted without them

    monkeypatch.setattr("fcntl.flock", refuse)
    video = write_clip(tmp_path / "clip.mp4", frames=5)
    cache(tmp_path).add(video)
    assert len(list((tmp_path / "cache").glob("*.frames"))) == 1
