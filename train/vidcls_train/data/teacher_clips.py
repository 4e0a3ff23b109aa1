"""Training clips as a teacher is given them too: the same window, crop and variation, at its own size and frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vidcls.contract import Image
from vidcls.preprocessing import normalise
from vidcls_train.data.datasets import ClipDataset
from vidcls_train.data.epoch_sampler import Key
from vidcls_train.data.video import DecodedVideo


class TaughtClips(ClipDataset):
    """`ClipDataset` whose clips come with the teacher's pixels; its own are those that it has without a teacher.

    Both are cut out of the stored frames, each resized once, by the same random numbers.
    """

    def __init__(
        self,
        videos: Sequence[DecodedVideo],
        targets: npt.NDArray[np.float32],
        *,
        teacher_image: Image,
        teacher_transform: Callable[[torch.Tensor], torch.Tensor],
        **options: Any,
    ) -> None:
        """Combine clips with the teacher's preprocessing.

        Args:
            videos, targets: as `ClipDataset` takes them.
            teacher_image: the image section of the teacher's contract.
            teacher_transform: as `training_transform` makes it, of the same augmentation, for the teacher's frames.
            options: what else `ClipDataset` takes.
        """
        super().__init__(videos, targets, **options)
        self._teacher_image = teacher_image
        self._teacher_transform = teacher_transform

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """As `ClipDataset`, with "teacher_values": float32 [T, 3, H, W], of the teacher's T, H and W."""
        frames, taught = self.varied(*key, (self._transform, self._teacher_transform))
        return {**self.item(key, frames), "teacher_values": torch.from_numpy(normalise(taught, self._teacher_image))}
