"""The random, varied clips that a configuration trains on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vidcls.contract import Image
from vidcls_train.config.settings import Config
from vidcls_train.data.augmentation import training_transform
from vidcls_train.data.datasets import ClipDataset
from vidcls_train.data.video import DecodedVideo


def training_clips(
    videos: Sequence[DecodedVideo],
    targets: npt.NDArray[np.float32],
    config: Config,
    *,
    image: Image,
    frames: int,
    flip: bool,
) -> ClipDataset:
    """A random clip of each video and epoch.

    Args:
        videos: with known frame times.
        targets: float32 [videos, labels], as `clip_list.targets_of` gives them.
        config: of the run.
        image: the contract's image section.
        frames: of a clip.
        flip: mirror every other one.
    """
    return ClipDataset(
        videos,
        targets,
        image=image,
        clip_seconds=config.data.clip_seconds,
        transform=training_transform(image, config.augmentation, frames=frames, flip=flip),
        seed=config.run.seed,
    )
