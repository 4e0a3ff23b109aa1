"""A run on a region of its clips is, weight by weight, the run on clips of the region's pixels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from lossless import noise_frames, write_lossless
from slow import slow
from vidcls.errors import VideoError
from vidcls_train.cli.finetune import main
from vidcls_train.config.settings import train_config
from vidcls_train.data.frame_cache import FrameCache
from vidcls_train.finetune import train

REGION = [0.25, 0.1, 0.7, 0.9]
BOX = np.s_[:, 6:54, 27:75]  # of 107 x 60 pixels

RUN: dict[str, Any] = {
    "preset": "tiny",
    "epochs": 1,
    "batch_size": 4,
    "frames": 4,
    "image_size": 32,
    "clip_seconds": 0.5,
    "device": "cpu",
    "workers": 0,
    "cache_gb": 1.0,
    "allow_duplicates": True,  # noise is like noise
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """whole/ and cut/: the same clips, and the same ones of the region's pixels alone."""
    root = tmp_path_factory.mktemp("data")
    for split, count in (("train", 3), ("val", 2), ("test", 2)):
        for seed, label in enumerate(("jump", "wave")):
            for number in range(count):
                frames = noise_frames(frames=20, width=107, height=60, seed=100 * len(split) + 10 * number + seed)
                # Slowly changing and coarse, so that no two pixels are averaged away.
                frames = frames // 4 + (seed * 60 + np.arange(20) * 3)[:, None, None, None].astype(np.uint8)
                write_lossless(root / "whole" / split / label / f"{number}.mkv", frames)
                write_lossless(root / "cut" / split / label / f"{number}.mkv", frames[BOX])
    return root


@slow
def test_a_run_on_a_region_is_the_run_on_its_pixels(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "none")  # clips of DATA itself would be refused
    negatives = {kind: str(tmp_path / "none" / kind / "test" / "wave") for kind in ("whole", "cut")}
    train({"data": str(data / "cut"), "output": tmp_path / "cut", "negatives": negatives["cut"], **RUN})

    file = tmp_path / "run.json"
    file.write_text(json.dumps({**RUN, "negatives": negatives["whole"]}), encoding="utf-8")
    command = [str(data / "whole"), "-o", str(tmp_path / "region"), "--settings", str(file)]
    result = CliRunner().invoke(main, [*command, "--region", "0.25,0.1,0.7,0.9"])
    assert result.exit_code == 0, result.output
    assert "every clip was cut to the region 0.25,0.1,0.7,0.9" in result.output

    written, expected = (
        what_was_written(tmp_path / name, data / kind, tmp_path / "none" / kind)
        for name, kind in (("region", "whole"), ("cut", "cut"))
    )
    assert written.pop("region") == REGION
    assert expected.pop("region") is None
    assert written == expected
    for name in ("model.safetensors", "samples.gif", "curves.png", "confusion.png", "mistakes.png"):
        assert (tmp_path / "region" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name

    assert json.loads((tmp_path / "region" / "settings.json").read_text(encoding="utf-8"))["region"] == REGION
    assert "--region 0.25,0.1,0.7,0.9" in (tmp_path / "region" / "README.md").read_text(encoding="utf-8")
    resumed = CliRunner().invoke(main, [*command, "--resume", "--region", "0.25,0.1,0.7,0.8"])
    assert resumed.exit_code == 2
    assert "where region is (0.25, 0.1, 0.7, 0.9), not (0.25, 0.1, 0.7, 0.8)" in resumed.output


def what_was_written(output: Path, *folders: Path) -> dict[str, Any]:
    """A run's figures and its answer to each clip, named as in the other run."""
    metrics = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    names = ("region", "val", "test", "test_multiview", "decision")
    lines = (output / "predictions.csv").read_text(encoding="utf-8")
    for folder in folders:
        lines = lines.replace(str(folder), "")
    return {name: metrics[name] for name in names} | {"lines": lines}


def test_the_cache_keeps_regions_apart_and_reads_them_stored_or_not(data: Path, tmp_path: Path) -> None:
    video, cut = (data / kind / "train" / "jump" / "0.mkv" for kind in ("whole", "cut"))
    everything = FrameCache(tmp_path / "cache", short_side=40, limit_bytes=10**9)
    key = everything.add(video).key
    right = FrameCache(tmp_path / "cut", short_side=40, limit_bytes=10**9)
    expected = right.read(cut, right.add(cut).key, range(3, 9))
    for folder, limit in (("cache", 10**9), ("none", 0)):
        region = (0.25, 0.1, 0.7, 0.9)
        part = FrameCache(tmp_path / folder, short_side=40, limit_bytes=limit, region=region)
        assert part.add(video).key == key
        np.testing.assert_array_equal(part.read(video, key, range(3, 9)), expected)
    assert everything.read(video, key, range(3, 9)).shape == (6, 40, 71, 3)


def test_a_clip_too_small_for_the_region_cannot_be_read(data: Path, tmp_path: Path) -> None:
    video = data / "whole" / "train" / "jump" / "0.mkv"
    for limit in (10**9, 0):
        part = FrameCache(tmp_path / "cache", short_side=40, limit_bytes=limit, region=(0.0, 0.0, 0.004, 0.1))
        with pytest.raises(VideoError, match=r"0.mkv: region .* is 0 x 6 pixels"):
            part.add(video)


def test_what_is_no_region_is_refused() -> None:
    for region, message in (([0.5, 0, 0.5, 1], "left less than right"), ([0.5, 0, 1], "has 3 entries, expected 4")):
        with pytest.raises(ValueError, match=message):
            train_config({"data": "clips", "output": "run", "region": region})
