"""The comparison on videos: which are found, what is counted, and how far apart two kinds of answers are."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generated import LABELS, write_clip
from vidcls import ModelError
from vidcls.clips import read_clips
from vidcls.contract import Contract, read_checkpoint
from vidcls_export.parity import NOT_COMPARED, Videos, check_agreement, compare, find_videos
from vidcls_export.precision.calibration import calibration_clips


@pytest.fixture(scope="module")
def contract(checkpoint: Path) -> Contract:
    return read_checkpoint(checkpoint)


def by_colours(frames: np.ndarray) -> np.ndarray:
    """Logits float32 [1, labels] that differ from clip to clip: the means of three colours, and one that never wins."""
    return np.append(frames.mean(axis=(0, 1, 2, 3)), -1).astype(np.float32)[None]


def turned(frames: np.ndarray) -> np.ndarray:
    """Other answers to all clips: the same logits, each for the label after."""
    return np.roll(by_colours(frames), 1, axis=1)


@pytest.mark.parametrize("layout", ["flat", "other labels", "a stray clip beside the labels"])
def test_clips_without_known_labels_give_no_accuracy(
    contract: Contract, clips: Path, tmp_path: Path, layout: str
) -> None:
    folder = tmp_path / "clips"
    if layout == "flat":
        write_clip(folder / "clip.mp4", frames=20)
    elif layout == "other labels":
        write_clip(folder / "swim" / "clip.mp4", frames=20)
    else:
        shutil.copytree(clips, folder)
        write_clip(folder / "clip.mp4", frames=20)
    videos = find_videos(folder, LABELS)
    assert sorted(videos.paths) == sorted(folder.rglob("*.mp4"))
    assert videos.class_ids is None
    parity = compare(videos, contract, pytorch=by_colours, exported=by_colours).parity
    assert parity is not None
    assert parity.videos == len(videos.paths)
    assert (parity.accuracy_pytorch, parity.accuracy_onnx) == (None, None)


def test_videos_in_folders_of_labels_have_their_class_ids(clips: Path) -> None:
    videos = find_videos(clips, LABELS)
    assert videos.class_ids == [LABELS.index(path.parent.name) for path in videos.paths]


def test_folder_without_videos_is_a_wrong_argument(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no videos"):
        find_videos(tmp_path, LABELS)
    with pytest.raises(ValueError, match="nowhere: is not a folder"):
        find_videos(tmp_path / "nowhere", LABELS)


def test_unreadable_clip_is_named_and_not_counted(
    contract: Contract, clips: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "clips"
    shutil.copytree(clips, folder)
    broken = folder / LABELS[0] / "broken.mp4"
    broken.write_bytes(b"not a video")
    with caplog.at_level(logging.WARNING, logger="vidcls.export"):
        found = compare(find_videos(folder, LABELS), contract, pytorch=by_colours, exported=by_colours)
    whole = compare(find_videos(clips, LABELS), contract, pytorch=by_colours, exported=by_colours)
    assert (found.parity, found.failed, whole.failed) == (whole.parity, 1, 0)
    assert str(broken) in caplog.text


def test_nothing_but_unreadable_clips_is_an_error(contract: Contract, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    with pytest.raises(ModelError, match="not one of the 1 videos"):
        compare(find_videos(tmp_path, LABELS), contract, pytorch=by_colours, exported=by_colours)


def test_every_other_answer_is_a_disagreement(contract: Contract, clips: Path) -> None:
    videos = find_videos(clips, LABELS)
    found = compare(videos, contract, pytorch=by_colours, exported=turned)
    parity = found.parity
    assert parity is not None
    assert (parity.videos, parity.top1_agreement) == (3, 0.0)
    assert [disagreement.video for disagreement in found.disagreements] == videos.paths
    for disagreement, path in zip(found.disagreements, videos.paths, strict=True):
        frames = read_clips(path, contract).frames
        expected, other = by_colours(frames)[0], turned(frames)[0]
        assert (disagreement.pytorch_answer, disagreement.answer) == (expected.argmax(), other.argmax())
        assert disagreement.margin == expected.max() - expected[other.argmax()]
        assert disagreement.difference == np.abs(expected - other).max()
        assert LABELS[disagreement.label or 0] == path.parent.name
        assert np.array_equal(disagreement.frame, frames[0, 2])
    check_agreement(found, minimum=0)
    with pytest.raises(ModelError, match=r"on only 0 of 3 videos.*below the minimum agreement 0\.5"):
        check_agreement(found, minimum=0.5)
    check_agreement(NOT_COMPARED, minimum=1)


@pytest.mark.parametrize(("bad", "whose"), [("pytorch", "PyTorch"), ("exported", "the exported graph")])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_nan_or_infinite_are_refused(
    contract: Contract, clips: Path, bad: str, whose: str, value: float
) -> None:
    classify: dict[str, Any] = {"pytorch": by_colours, "exported": by_colours}
    classify[bad] = lambda frames: by_colours(frames) * np.float32(value)
    with pytest.raises(ModelError, match=f"the logits of {whose} are NaN or infinite"):
        compare(find_videos(clips, LABELS), contract, **classify)


def test_the_comparison_is_tracked_video_by_video(contract: Contract, clips: Path) -> None:
    tracked: list[Any] = []

    def track(items: Iterable[Any], *, label: str, length: int | None = None) -> Iterator[Any]:
        assert (label, length) == ("checking", None)
        for item in items:
            tracked.append(item)
            yield item

    videos = find_videos(clips, LABELS)
    compare(videos, contract, pytorch=by_colours, exported=by_colours, track=track)
    assert tracked == videos.paths


def test_calibration_takes_few_clips_spread_over_all(contract: Contract, clips: Path, tmp_path: Path) -> None:
    (clip,) = clips.rglob("short.mp4")
    paths = [clip if index % 10 else tmp_path / "unreadable.mp4" for index in range(40)]
    assert len(list(calibration_clips(paths, contract))) == 13  # 16 of 40; three of them, 0, 10 and 20, cannot be read
    videos = Videos(paths=[clip], class_ids=None)
    (frames,) = calibration_clips(videos.paths, contract)
    assert np.array_equal(frames, read_clips(clip, contract).frames)
