"""Map-style datasets: random training clips, and the fixed views that validation looks at."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pytorchvideo.data.clip_sampling import make_clip_sampler
from torch.nn.functional import one_hot
from torch.utils.data import Dataset, Sampler

from vidcls.contract import Contract, Image
from vidcls.preprocessing import normalise
from vidcls_train.data.augmentation import PairMixing
from vidcls_train.data.video import DecodedVideo
from vidcls_train.model.patch_dropout import draw_hidden

Key = tuple[int, int]  # (epoch, video index)


def _check_parts(videos: int, *, batch_size: int, processes: int, accumulation_steps: int) -> None:
    """Raise a ValueError where batches have no two clips for every part."""
    smallest = videos // math.ceil(videos / batch_size)
    parts = processes * accumulation_steps
    if parts > max(1, math.ceil(smallest / 2)):
        raise ValueError(
            f"batches of {smallest} clips cannot be shared by {processes} processes in {accumulation_steps} "
            f"accumulated parts each, of two clips where it can; raise --batch-size to {2 * parts} or more"
        )


class EpochSampler(Sampler[list[Key]]):
    """Batches of keys: all videos once per epoch, shuffled, in batches as equal as they can be.

    A batch is cut into parts: one for each process, and for each step that gradients are accumulated over.
    Order and parts depend on the seed and the epoch alone, so a resumed run, or processes that share the
    batches, see exactly what one unbroken process would. Set `epoch` before iterating.
    """

    def __init__(
        self,
        videos: Sized,
        *,
        batch_size: int,
        seed: int,
        accumulation_steps: int = 1,
        processes: int = 1,
        rank: int = 0,
    ) -> None:
        """Args: rank: the process whose parts to hand out, 0 to processes - 1.

        Raises:
            ValueError: a batch has no two clips for every part.
        """
        _check_parts(len(videos), batch_size=batch_size, processes=processes, accumulation_steps=accumulation_steps)
        self._length = len(videos)
        self._batches = math.ceil(self._length / batch_size)
        self._parts = accumulation_steps * processes
        self._processes = processes
        self._rank = rank
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self._batches * (self._parts // self._processes)

    def __iter__(self) -> Iterator[list[Key]]:
        epoch = self.epoch
        order = np.random.default_rng([self._seed, epoch]).permutation(self._length)
        for batch in np.array_split(order, self._batches):
            # Pairs, which are mixed with each other, stay whole.
            pairs = np.array_split(np.arange(math.ceil(len(batch) / 2)), self._parts)
            for part in pairs[self._rank :: self._processes]:
                yield [(epoch, int(index)) for index in batch[2 * part[0] : 2 * part[-1] + 2]]

    def batch_length(self, batch: int) -> int:
        """How many clips the batch of that number within an epoch has, its parts together."""
        return self._length // self._batches + (batch % self._batches < self._length % self._batches)


class ClipDataset(Dataset[dict[str, Any]]):
    """A random, varied clip of a video; which one is decided by (seed, epoch, video) alone."""

    def __init__(
        self,
        videos: Sequence[DecodedVideo],
        class_ids: Sequence[int],
        *,
        image: Image,
        clip_seconds: float,
        transform: Callable[[torch.Tensor], torch.Tensor],
        seed: int,
    ) -> None:
        self._videos = videos
        self._class_ids = class_ids
        self._image = image
        self._transform = transform
        self._seed = seed
        self._sampler = make_clip_sampler("random", clip_seconds)

    def __len__(self) -> int:
        return len(self._videos)

    def frames(self, epoch: int, index: int) -> npt.NDArray[np.uint8]:
        """The clip's frames before normalising: uint8 RGB [T, H, W, 3]."""
        video = self._videos[index]
        with drawn_from(self._seed, epoch, index):
            window = self._sampler(0, video.duration, {})
            clip = video.get_clip(window.clip_start_sec, window.clip_end_sec)["video"]
            return np.ascontiguousarray(self._transform(clip).permute(1, 2, 3, 0).numpy())

    def __getitem__(self, key: Key) -> dict[str, Any]:
        """{"pixel_values": float32 [T, 3, H, W], "label": class id, "key": key}."""
        frames = self.frames(*key)
        return {
            "pixel_values": torch.from_numpy(normalise(frames, self._image)),
            "label": self._class_ids[key[1]],
            "key": key,
        }


class Collate:
    """Clips -> a batch, their neighbours mixed, with what else is drawn for each clip.

    All of it depends on the seed and the clips' keys alone.
    """

    def __init__(
        self, mixing: PairMixing, *, labels: int, branches: int, tokens: int, patch_dropout: float, seed: int
    ) -> None:
        """Args: branches: how many the model has that drop path may skip; tokens: that it cuts a clip into."""
        self._mixing = mixing
        self._labels = labels
        self._branches = branches
        self._tokens = tokens
        self._patch_dropout = patch_dropout
        self._seed = seed

    def __call__(self, clips: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Batch clips.

        Returns:
            "pixel_values": float32 [B, T, 3, H, W]; "targets": float32 [B, labels], shares that add up to 1;
            "skip_draws": float32 [branches, B], each from 0 to 1, see `drop_path`;
            "hidden": bool [B, tokens], see `patch_dropout`.
        """
        pixels = torch.stack([clip["pixel_values"] for clip in clips])
        targets = one_hot(torch.tensor([clip["label"] for clip in clips]), self._labels).float()
        for first in range(0, len(clips) - 1, 2):
            pair = slice(first, first + 2)
            with drawn_from(self._seed, *clips[first]["key"], _MIXING):
                pixels[pair], targets[pair] = self._mixing(pixels[pair], targets[pair])
        draws, hidden = [], []
        for clip in clips:
            with drawn_from(self._seed, *clip["key"], _SKIPPING):
                draws.append(torch.rand(self._branches))
            with drawn_from(self._seed, *clip["key"], _HIDING):
                hidden.append(draw_hidden(self._tokens, self._patch_dropout))
        return {
            "pixel_values": pixels,
            "targets": targets,
            "skip_draws": torch.stack(draws, dim=1),
            "hidden": torch.stack(hidden),
        }


# Beside the key, so that what is drawn for one purpose tells nothing of what is drawn for another. (3 is masking's.)
_MIXING, _SKIPPING, _HIDING = 1, 2, 4


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
def drawn_from(*key: int) -> Iterator[None]:
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
