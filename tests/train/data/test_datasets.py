from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from generated import write_clip
from vidcls.clips import read_clips
from vidcls.contract import read_checkpoint
from vidcls_train.data.datasets import ClipDataset, ViewDataset


def test_a_clip_depends_on_seed_epoch_and_video_alone(dataset: ClipDataset) -> None:
    first = dataset[3, 1]
    random.seed(99)
    torch.manual_seed(99)
    dataset[0, 0]
    assert torch.equal(dataset[3, 1]["pixel_values"], first["pixel_values"])
    assert first["target"].tolist() == [1, 0, 0, 0]
    assert first["pixel_values"].shape == (4, 3, 32, 32)
    others = [dataset[epoch, 1]["pixel_values"] for epoch in range(3)]
    assert not any(torch.equal(other, first["pixel_values"]) for other in others)


def test_drawing_a_clip_leaves_the_global_generators_alone(dataset: ClipDataset) -> None:
    random.seed(5)
    torch.manual_seed(5)
    expected = random.random(), torch.rand(1).item()  # noqa: S311
    random.seed(5)
    torch.manual_seed(5)
    dataset[0, 0]
    assert (random.random(), torch.rand(1).item()) == expected  # noqa: S311


def test_validation_sees_the_sdks_middle_view(tmp_path: Path, checkpoint: Path) -> None:
    contract = read_checkpoint(checkpoint)
    path = write_clip(tmp_path / "clip.mp4", frames=90)
    frames = read_clips(path, contract).frames[0]
    frames.tofile(tmp_path / "view.rgb")
    item = ViewDataset([tmp_path / "view.rgb"], np.eye(4, dtype=np.float32)[3:], contract)[0]
    mean, std = torch.tensor(contract.image.mean), torch.tensor(contract.image.std)
    expected = ((torch.from_numpy(frames) / 255 - mean) / std).permute(0, 3, 1, 2)
    assert torch.equal(item["pixel_values"], expected)
    assert item["labels"].tolist() == [0, 0, 0, 1]
