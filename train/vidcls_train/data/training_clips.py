"""The random, varied clips that a configuration trains on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.contract import Contract, Image
from vidcls_train.config.settings import Config
from vidcls_train.data.augmentation import training_transform
from vidcls_train.data.datasets import ClipDataset
from vidcls_train.data.teacher_clips import TaughtClips
from vidcls_train.data.video import DecodedVideo


def training_clips(
    videos: Sequence[DecodedVideo],
    targets: npt.NDArray[np.float32],
    config: Config,
    *,
    image: Image,
    frames: int,
    flip: bool,
    teacher: Contract | None = None,
) -> ClipDataset:
    """A random clip of each video and epoch.

    Args:
        videos: with known frame times.
        targets: float32 [videos, labels], as `targets.targets_of` gives them.
        config: of the run.
        image: the contract's image section.
        frames: of a clip.
        flip: mirror every other one.
        teacher: whose pixels are to come with the student's; None where there is none, or the student's are its own.
    """
    made = partial(training_transform, augmentation=config.augmentation, flip=flip, grid=image.crop_size)
    options: dict[str, Any] = {
        "image": image,
        "clip_seconds": config.data.clip_seconds,
        "transform": made(image, frames=frames),
        "seed": config.run.seed,
    }
    if teacher is None:
        return ClipDataset(videos, targets, **options)
    # Another kind of crop draws another number of random numbers, and all that is drawn after it would differ: the
    # teacher is given the student's crop, as it is where both are of one size.
    cropped = dataclasses.replace(teacher.image, resize=image.resize)
    return TaughtClips(
        videos,
        targets,
        teacher_image=teacher.image,
        teacher_transform=made(cropped, frames=teacher.sampling.frames),
        **options,
    )
