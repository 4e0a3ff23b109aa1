"""What comes before the first step: the check of the data, and the cache, in one pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audited import write_data
from decoder_counts import Decoding
from generated import write_scene
from slow import IS_SLOW
from vidcls.contract import Contract, read_checkpoint
from vidcls_train.audit.check import DataCheck, check_clips
from vidcls_train.data.clip_list import Footage
from vidcls_train.data.frame_cache import FrameCache
from vidcls_train.data.preparation import PreparedClips, prepare
from vidcls_train.data.sources import find_clips

# Hundreds of frames of 1280 x 720 with nothing odd about them: more than half of the time that all such files take.
SOUND_AND_LARGE = "imageio_cockatoo.mp4"


@pytest.fixture
def contract(checkpoint: Path) -> Contract:
    return read_checkpoint(checkpoint)


def checked(data: Path, tmp_path: Path, cache: FrameCache | None) -> DataCheck:
    found = find_clips(str(data), unpack_to=tmp_path / "unpacked")
    return check_clips(found, val_fraction=0.25, seed=0, clip_seconds=0.5, cache=cache)


def prepared(data: Path, tmp_path: Path, contract: Contract, *, limit_bytes: int = 10**9) -> PreparedClips:
    cache = FrameCache(tmp_path / "cache", short_side=60, limit_bytes=limit_bytes)
    known = checked(data, tmp_path, cache)
    return prepare(known.splits, contract, cache=cache, cached=known.cached, views_folder=tmp_path / "views")


def test_training_clips_are_decoded_once_before_the_first_step(
    tmp_path: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_data(tmp_path / "data")
    decoding = Decoding(monkeypatch)
    train = prepared(data, tmp_path, contract).train_videos
    paths = sorted((data / "train").rglob("*.mp4"))
    assert len(train) == len(paths)
    assert {path: decoding.opened[path] for path in paths} == dict.fromkeys(paths, 1)
    frames = {path: 35 + 3 * int(path.stem) for path in paths}
    assert {path: decoding.grabbed[path] for path in paths} == frames
    assert {path: decoding.converted[path] for path in paths} == frames
    # A second run decodes for the check alone, whose fingerprint of the contract takes every frame of clips this short.
    prepared(data, tmp_path, contract)
    assert {path: decoding.opened[path] for path in paths} == dict.fromkeys(paths, 2)
    assert all(decoding.converted[path] <= 2 * frames[path] for path in paths)


def test_a_check_without_a_training_needs_no_cache_and_finds_the_same(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    write_scene(data / "train" / "jump" / "copy.mp4", place=0, size=(80, 60))
    alone = checked(data, tmp_path, None)
    along = checked(data, tmp_path, FrameCache(tmp_path / "cache", short_side=60, limit_bytes=10**9))
    assert along.report == alone.report
    assert alone.report.pairs
    assert alone.cached == {}
    assert set(along.cached) == {Footage(path) for path in (data / "train").rglob("*.mp4")}


def test_clips_that_the_split_leaves_to_val_and_test_make_room_for_those_of_train(
    tmp_path: Path, contract: Contract
) -> None:
    data = tmp_path / "data"
    for label in ("jump", "wave"):
        for number in range(8):
            write_scene(data / label / f"{number}.mp4", place=100 * len(label) + number + ord(label[0]), frames=20)
    bytes_each = 20 * 80 * 60 * 3
    # Room for as many as are trained on, which are known only when all are decoded.
    train = len(checked(data, tmp_path, None).splits.train)
    clips = prepared(data, tmp_path, contract, limit_bytes=train * (bytes_each + 1000))
    stored = {file.name[:64] for file in (tmp_path / "cache").iterdir()}
    assert stored == {video._key for video in clips.train_videos}
    for video in clips.train_videos:
        assert video.get_clip(0.0, 0.4)["video"].shape == (3, 10, 60, 80)


def test_what_cannot_be_read_is_known_before_with_the_sentence_of_prediction(
    tmp_path: Path, contract: Contract, real_data: Path
) -> None:
    from vidcls.clips import read_clips
    from vidcls.errors import VideoError
    from vidcls_train.audit.probe import probe

    cache = FrameCache(tmp_path / "cache", short_side=60, limit_bytes=10**10)
    for folder in ("cases", "odd"):
        for path in sorted((real_data / folder).iterdir()):
            takes_long = path.stem.endswith("_long") or path.name == SOUND_AND_LARGE
            if path.suffix in (".md", ".json", ".txt") or (takes_long and not IS_SLOW):
                continue
            said = {}
            for door, read in (
                ("predict", lambda path: read_clips(path, contract)),
                ("train", lambda path: probe(path, cache=cache)),
            ):
                try:
                    read(path)
                except VideoError as error:
                    said[door] = str(error)
            assert said.get("predict") == said.get("train"), path.name
    assert not [file for file in (tmp_path / "cache").iterdir() if file.suffix == ".part"]


def test_single_frames_are_trained_on_and_reported(tmp_path: Path, contract: Contract) -> None:
    from vidcls_train.audit.report import write_data_report

    data = tmp_path / "data"
    places = iter(range(100))
    for split, clips in (("train", 2), ("val", 1), ("test", 1)):
        for label in ("jump", "wave"):
            for number in range(clips):
                write_scene(data / split / label / f"{number}.mp4", place=next(places), frames=1)
    cache = FrameCache(tmp_path / "cache", short_side=60, limit_bytes=10**9)
    known = checked(data, tmp_path, cache)
    write_data_report(known.report, tmp_path)
    assert json.loads((tmp_path / "data-report.json").read_text(encoding="utf-8"))["clips"][0]["frames"] == 1
    opened = prepare(known.splits, contract, cache=cache, cached=known.cached, views_folder=tmp_path / "views")
    assert [video.get_clip(0.0, 1.0)["video"].shape for video in opened.train_videos] == [(3, 1, 60, 80)] * 4
    size = contract.image.crop_size
    assert opened.val_views[0].stat().st_size == contract.sampling.frames * size * size * 3
