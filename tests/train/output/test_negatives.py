"""Videos of none of the labels: refused before a training where they cannot be that, named where unreadable."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from generated import write_checkpoint, write_clip
from vidcls.contract import read_checkpoint
from vidcls_train.data.clip_list import Clip, Footage
from vidcls_train.data.negatives import check_negatives, find_negatives
from vidcls_train.output.negatives import score_negatives
from vidcls_train.output.scoring import video_logits


def test_all_videos_below_the_folder_count(tmp_path: Path) -> None:
    for name in ("a.mp4", "deeper/still/b.avi", "notes.txt", ".hidden/c.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_negatives(str(tmp_path)) == [tmp_path / "a.mp4", tmp_path / "deeper/still/b.avi"]
    assert find_negatives(None) == []


def test_what_holds_no_negatives_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--negatives .*nowhere: is no folder"):
        find_negatives(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="holds no videos"):
        find_negatives(str(tmp_path))


def test_a_clip_of_the_data_is_no_negative(tmp_path: Path) -> None:
    video = tmp_path / "train" / "jump" / "1.mp4"
    video.parent.mkdir(parents=True)
    video.touch()
    clip = Clip(path=video, labels=("jump",), group="")
    with pytest.raises(ValueError, match=r"1\.mp4' is a clip of DATA"):
        check_negatives(find_negatives(str(tmp_path)), [clip])
    other = tmp_path / "others"
    other.mkdir()
    (other / "2.mp4").touch()
    check_negatives(find_negatives(str(other)), [clip])


def test_those_that_cannot_be_read_are_named_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from transformers import VideoMAEForVideoClassification

    folder = write_checkpoint(tmp_path / "checkpoint")
    contract, model = read_checkpoint(folder), VideoMAEForVideoClassification.from_pretrained(folder)
    whole = write_clip(tmp_path / "negatives" / "b.mp4", frames=30, width=64, height=48)
    broken = tmp_path / "negatives" / "a.mp4"
    broken.write_bytes(b"not a video")
    trainer: Any = SimpleNamespace(model=model)
    found = score_negatives(trainer, str(tmp_path / "negatives"), contract)
    assert found is not None
    assert found.videos == [whole]
    np.testing.assert_array_equal(found.logits[0], video_logits(model, Footage(whole), contract, views=1, crops=1))
    assert [row["video"] for row in found.unreadable] == [str(broken)]
    assert "unreadable: " in caplog.text
    whole.unlink()
    assert score_negatives(trainer, str(tmp_path / "negatives"), contract) is None
    assert "not one of its 1 videos can be read" in caplog.text
    assert score_negatives(trainer, None, contract) is None
