"""A run that begins with a base of ours: what that one knows is no test of this one, and stays known."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from audited import write_data
from vidcls.contract import read_checkpoint
from vidcls.evaluation.origins import origins_of
from vidcls_train.finetune import train

RUN = {
    "epochs": 1,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "clip_seconds": 0.5,
    "device": "cpu",
    "workers": 0,
    "cache_gb": 1.0,
}


@pytest.mark.usefixtures("without_pictures")
def test_what_a_base_knows_is_counted_apart_and_stays_known(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data, base = write_data(tmp_path / "data", labels=("jump", "wave")), tmp_path / "base"
    train({**RUN, "data": str(data), "output": base, "preset": "tiny", "frames": 4, "image_size": 32})
    in_test = shutil.move(data / "train" / "jump" / "0.mp4", data / "test" / "jump" / "known.mp4")
    in_val = shutil.move(data / "train" / "wave" / "0.mp4", data / "val" / "wave" / "known.mp4")
    gone = shutil.move(data / "train" / "wave" / "1.mp4", tmp_path / "gone.mp4")
    negatives = tmp_path / "negatives"
    negatives.mkdir()
    shutil.copy(data / "train" / "wave" / "2.mp4", negatives / "a copy of a training clip.mp4")
    shutil.copy(gone, negatives / "one of the base.mp4")
    shutil.copy(data / "test" / "jump" / "1.mp4", negatives / "new.mp4")
    for name, options in (("whole", {}), ("silent", {"no_fingerprints": True})):
        caplog.clear()
        metrics = train(
            {**RUN, "data": str(data), "output": tmp_path / name, "base": str(base), "negatives": str(negatives)}
            | options
        )
        assert metrics is not None
        told = "the base or the teacher knows 1 of 5 clips in val and 1 of 5 clips in test"
        assert [record.levelno for record in caplog.records if told in record.message] == [logging.WARNING]
        for split in ("val", "test"):
            assert (metrics[split]["videos"], metrics[split]["without_copies"]["videos"]) == (5, 4)
        assert metrics["decision"]["notes"][0].startswith("the decision is fitted without 1 of 5 validation clips")
        assert (metrics["decision"]["negatives"]["videos"], metrics["decision"]["negatives"]["known"]) == (1, 2)
        assert "2 of its 3 videos are among those that the model was trained on or chosen by" in caplog.text
    assert read_checkpoint(tmp_path / "silent").source.clips is None
    clips = read_checkpoint(tmp_path / "whole").source.clips
    assert origins_of([Path(in_test), Path(gone), data / "test" / "jump" / "1.mp4"], clips) == ["train", "train", None]
    assert origins_of([Path(in_val)], clips)[0] is not None
