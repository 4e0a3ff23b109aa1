"""What is said of a run whose clips are others than those that it was begun with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vidcls.errors import ArgumentError
from vidcls_train.config.settings import DamagedRunError, train_config
from vidcls_train.data.clip_list import MULTI_LABEL, Clip, ClipList, Splits
from vidcls_train.output.run_clips import CLIPS_FILE, RunClips, check_same_clips, run_clips, save_clips

FINGERPRINT = bytes(range(16))


def clip(name: str, *labels: str, start: float | None = None) -> Clip:
    return Clip(
        path=Path(name),
        labels=labels or (name.split("/")[-2],),
        group=name,
        start_seconds=start,
        end_seconds=None if start is None else start + 2.5,
    )


TRAIN = [
    clip("data/jump/1.mp4"),
    clip("data/jump/2.mp4"),
    clip("data/wave/1.mp4"),
    clip("data/long.mp4", "wave", start=3),
]
RELABELLED = clip("data/wave/1.mp4", "jump")
VAL = [clip("data/jump/3.mp4"), clip("data/wave/3.mp4")]
TEST = [clip("data/jump/4.mp4"), clip("data/wave/4.mp4")]


def kept(
    train: Sequence[Clip] = TRAIN,
    val: Sequence[Clip] = VAL,
    test: Sequence[Clip] = TEST,
    *,
    unreadable: Sequence[Clip] = (),
    shows: dict[str, bytes] | None = None,
    data: str = "data",
    **settings: object,
) -> RunClips:
    clips = [*train, *val, *test]
    found = ClipList(name="data", clips=[*clips, *unreadable], split_names=None, empty=[])
    fingerprints = {each.footage: (shows or {}).get(each.path.name, FINGERPRINT) for each in clips}
    splits = Splits(labels=found.labels, train=list(train), val=list(val), test=list(test))
    checked: Any = SimpleNamespace(splits=splits, fingerprints=fingerprints)
    config = train_config({"data": data, "output": "out", **settings})
    return run_clips(config, found, checked, unpacked=Path("out/data"))


def test_the_same_clips_go_on_and_so_does_a_run_that_kept_none(tmp_path: Path) -> None:
    check_same_clips(tmp_path, kept())
    save_clips(tmp_path, kept())
    check_same_clips(tmp_path, kept())


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (lambda: kept(TRAIN[:1] + TRAIN[2:]), "jump/2.mp4 of train is gone or cannot be read"),
        (lambda: kept(TRAIN[:3]), "long.mp4 [3.00 to 5.50 s] of train is gone or cannot be read"),
        (lambda: kept(test=[*TEST, clip("data/wave/5.mp4")]), "wave/5.mp4 is new"),
        (lambda: kept(TRAIN[1:], VAL, [TRAIN[0], *TEST]), "jump/1.mp4 of train is now in test"),
        (lambda: kept([*TRAIN[:2], RELABELLED, TRAIN[3]]), "wave/1.mp4 is now labelled 'jump', not 'wave'"),
        (lambda: kept([TRAIN[1], TRAIN[0], *TRAIN[2:]]), "jump/1.mp4 comes in another place"),
        (lambda: kept([*TRAIN, TRAIN[3]]), "jump/3.mp4 comes in another place"),
        (lambda: kept(unreadable=[clip("data/zjump/1.mp4")]), "the label 'zjump' is new"),
        (lambda: kept(shows={"4.mp4": bytes(16)}), "jump/4.mp4 shows something else"),
        (lambda: dataclasses.replace(kept(), labels=("jump",)), "the label 'wave' is gone"),
        (lambda: dataclasses.replace(kept(), problem_type=MULTI_LABEL), "a clip may have any number of labels"),
    ],
)
def test_the_first_difference_is_named(now: Callable[[], RunClips], told: str, tmp_path: Path) -> None:
    save_clips(tmp_path, kept())
    with pytest.raises(ArgumentError) as error:
        check_same_clips(tmp_path, now())
    assert str(error.value) == (
        f"--resume goes on with the clips of {tmp_path / CLIPS_FILE}, and {told}; put the clips back as they were, or "
        "begin anew in another folder"
    )


def test_a_clip_that_stands_in_several_splits_is_no_difference(tmp_path: Path) -> None:
    save_clips(tmp_path, kept(test=[TRAIN[0], *TEST]))
    check_same_clips(tmp_path, kept(test=[TRAIN[0], *TEST]))


def test_another_decoder_changes_some_bits_of_a_fingerprint(tmp_path: Path) -> None:
    save_clips(tmp_path, kept())
    check_same_clips(tmp_path, kept(shows={"4.mp4": bytes([FINGERPRINT[0] ^ 0b111, *FINGERPRINT[1:]])}))


def test_without_fingerprints_names_alone_are_compared(tmp_path: Path) -> None:
    without = kept(no_fingerprints=True)
    assert without.algorithm is None
    assert {each.fingerprint for each in without.clips} == {None}
    for before, now in ((without, kept(shows={"4.mp4": bytes(16)})), (kept(), without)):
        save_clips(tmp_path, before)
        check_same_clips(tmp_path, now)


def test_a_run_of_an_archive_may_be_moved() -> None:
    unpacked = [clip("out/data/train/jump/1.mp4")]
    assert [each.video for each in kept(unpacked, [], [], data="clips.zip").clips] == ["train/jump/1.mp4"]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"labels": []}', b"\xff"])
def test_a_damaged_list_is_named_with_what_to_do(content: bytes, tmp_path: Path) -> None:
    (tmp_path / CLIPS_FILE).write_bytes(content)
    with pytest.raises(DamagedRunError, match=r"clips\.json: is damaged \(.*\); copy it from a backup, or begin anew"):
        check_same_clips(tmp_path, kept())
