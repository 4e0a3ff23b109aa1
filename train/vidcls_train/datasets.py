"""Map-style datasets: random training clips, and the fixed views that validation looks at."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pytorchvideo.data.clip_sampling import make_clip_sampler
from torch.utils.data import Dataset, Sampler

from vidcls.contract import Contract
from vidcls.preprocessing import normalise
from vidcls_train.video import DecodedVideo


class EpochSampler(Sampler[tuple[int, int]]):
    """All videos once per epoch, shuffled, as keys (epoch, video index).

    The order depends on the seed and the epoch alone, so a resumed run, or several processes that
    share an epoch, see exactly what one unbroken process would. Set `epoch` before iterating.
    """

    def __init__(self, videos: Sized, *, seed: int) -> None:
        self._length = len(videos)
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = self.epoch
        order = np.random.default_rng([self._seed, epoch]).permutation(self._length)
        return ((epoch, int(index)) for index in order)


class ClipDataset(Dataset[dict[str, Any]]):
    """A random, varied clip of a video; which one is decided by (seed, epoch, video) alone."""

    def __init__(
        self,
        videos: Sequence[DecodedVideo],
        class_ids: Sequence[int],
        contract: Contract,
        *,
        transform: Callable[[torch.Tensor], torch.Tensor],
        seed: int,
    ) -> None:
        self._videos = videos
        self._class_ids = class_ids
        self._contract = contract
        self._transform = transform
        self._seed = seed
        self._sampler = make_clip_sampler("random", contract.sampling.clip_seconds)

    def __len__(self) -> int:
        return len(self._videos)

    def frames(self, epoch: int, index: int) -> npt.NDArray[np.uint8]:
        """The clip's frames before normalising: uint8 RGB [T, H, W, 3]."""
        video = self._videos[index]
        with _drawn_from(self._seed, epoch, index):
            window = self._sampler(0, video.duration, {})
            clip = video.get_clip(window.clip_start_sec, window.clip_end_sec)["video"]
            return np.ascontiguousarray(self._transform(clip).permute(1, 2, 3, 0).numpy())

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """{"pixel_values": float32 [T, 3, H, W], "labels": class id} of the key (epoch, video index)."""
        epoch, index = key
        frames = self.frames(epoch, index)
        return {
            "pixel_values": torch.from_numpy(normalise(frames, self._contract.image)),
            "labels": self._class_ids[index],
        }


class ViewDataset(Dataset[dict[str, Any]]):
    """The middle view of every validation video, as the SDK sees it."""

    def __init__(self, files: Sequence[Path], class_ids: Sequence[int], contract: Contract) -> None:
        """Args: .npy files of uint8 RGB [T, H, W, 3], one per video; their class ids; the contract."""
        self._files = files
        self._class_ids = class_ids
        self._contract = contract

    def __len__(self) -> int:
        return len(self._class_ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """{"pixel_values": float32 [T, 3, H, W], "labels": class id}."""
        return {
            "pixel_values": torch.from_numpy(normalise(np.load(self._files[index]), self._contract.image)),
            "labels": self._class_ids[index],
        }


@contextmanager
def _drawn_from(*key: int) -> Iterator[None]:
    """Draw from Python's and torch's generators as seeded by `key`, and leave both as they were.

    pytorchvideo's samplers draw from the one, torchvision's transforms from the other.
    """
    seed = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8], "big") >> 1
    state = random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            random.seed(seed)
            torch.default_generator.manual_seed(seed)  # the CPU's only: torch.manual_seed also queues work for CUDA
            yield
    finally:
        random.setstate(state)
