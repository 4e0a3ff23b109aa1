"""Map-style datasets: random training clips, and the fixed middle views of validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pytorchvideo.data.clip_sampling import make_clip_sampler
from torch.utils.data import Dataset

from vidcls.contract import Contract, Image
from vidcls.preprocessing import normalise
from vidcls_train.data.epoch_sampler import Key
from vidcls_train.data.rng import seeded_rng
from vidcls_train.data.video import DecodedVideo


class ClipDataset(Dataset[dict[str, Any]]):
    """A random, varied clip of a video; which one is decided by (seed, epoch, video) alone."""

    def __init__(
        self,
        videos: Sequence[DecodedVideo],
        targets: npt.NDArray[np.float32],
        *,
        image: Image,
        clip_seconds: float,
        transform: Callable[[torch.Tensor], torch.Tensor],
        seed: int,
    ) -> None:
        """Combine videos, what they show, and how their clips are varied.

        Args:
            videos: with known frame times.
            targets: float32 [videos, labels], as `targets.targets_of` gives them.
            image: the contract's image section; pixels are normalised by it.
            clip_seconds: length of a clip's window in seconds.
            transform: uint8 RGB [3, n, H, W] of a window -> uint8 RGB [3, T, H, W], as `training_transform` makes it.
            seed: of the windows and of what the transform draws.
        """
        self._videos = videos
        self._targets = targets
        self._image = image
        self._transform = transform
        self._seed = seed
        self._sampler = make_clip_sampler("random", clip_seconds)

    def __len__(self) -> int:
        return len(self._videos)

    def frames(self, epoch: int, index: int) -> npt.NDArray[np.uint8]:
        """The clip's frames before normalising: uint8 RGB [T, H, W, 3].

        Raises:
            VideoError: the frames cannot be decoded.
        """
        (frames,) = self.varied(epoch, index, (self._transform,))
        return frames

    def varied(
        self, epoch: int, index: int, transforms: Sequence[Callable[[torch.Tensor], torch.Tensor]]
    ) -> list[npt.NDArray[np.uint8]]:
        """The clip's frames as each transform makes them by the same random numbers: uint8 RGB [T, H, W, 3].

        Raises:
            VideoError: the frames cannot be decoded.
        """
        key, video = (self._seed, epoch, index), self._videos[index]
        with seeded_rng(*key):
            window = self._sampler(0, video.duration, {})
        clip = video.get_clip(window.clip_start_sec, window.clip_end_sec)["video"]
        made = []
        for transform in transforms:
            with seeded_rng(*key):  # torch's numbers, of which the window took none
                made.append(np.ascontiguousarray(transform(clip).permute(1, 2, 3, 0).numpy()))
        return made

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """{"pixel_values": float32 [T, 3, H, W], "target": float32 [labels], "key": key}."""
        return self.item(key, self.frames(*key))

    def item(self, key: Key, frames: npt.NDArray[np.uint8]) -> dict[str, Any]:
        """What `__getitem__` returns for these frames."""
        return {
            "pixel_values": torch.from_numpy(normalise(frames, self._image)),
            "target": torch.from_numpy(self._targets[key[1]]),
            "key": key,
        }


class ViewDataset(Dataset[dict[str, Any]]):
    """The middle view of every validation video, as the SDK makes it."""

    def __init__(self, files: Sequence[Path], targets: npt.NDArray[np.float32], contract: Contract) -> None:
        """Take decoded views.

        Args:
            files: the bytes of uint8 RGB [T, size, size, 3], one per video; what it is follows from the contract.
            targets: float32 [videos, labels], as `targets.targets_of` gives them.
            contract: whose image section pixels are normalised by.
        """
        self._files = files
        self._targets = targets
        self._contract = contract

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """{"pixel_values": float32 [T, 3, H, W], "labels": float32 [labels], 1 for each that the video shows}."""
        size = self._contract.image.crop_size
        frames = np.fromfile(self._files[index], np.uint8).reshape(self._contract.sampling.frames, size, size, 3)
        return {
            "pixel_values": torch.from_numpy(normalise(frames, self._contract.image)),
            "labels": torch.from_numpy(self._targets[index]),
        }
