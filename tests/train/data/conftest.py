from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from generated import write_clip
from vidcls.contract import read_checkpoint
from vidcls_train.config.groups import AugmentationConfig
from vidcls_train.data.augmentation import training_transform
from vidcls_train.data.datasets import ClipDataset
from vidcls_train.data.frame_cache import FrameCache
from vidcls_train.data.video import DecodedVideo

VARIED = AugmentationConfig(
    crop_scale_min=0.3,
    color_jitter=0.3,
    hue_jitter=0.1,
    grayscale_prob=0.1,
    rand_augment=7,
    random_erasing_prob=0.25,
)


@pytest.fixture
def dataset(tmp_path: Path, checkpoint: Path) -> ClipDataset:
    contract = read_checkpoint(checkpoint)
    cache = FrameCache(tmp_path / "cache", short_side=64, limit_bytes=10**9)
    paths = [write_clip(tmp_path / f"{number}.mp4", frames=90) for number in range(3)]
    videos = [DecodedVideo(path, cache.add(path), cache) for path in paths]
    return ClipDataset(
        videos,
        np.eye(4, dtype=np.float32)[[2, 0, 1]],
        image=contract.image,
        clip_seconds=contract.sampling.clip_seconds,
        transform=training_transform(contract.image, VARIED, frames=contract.sampling.frames, flip=True),
        seed=7,
    )
