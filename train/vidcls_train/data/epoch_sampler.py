"""Which videos make a batch: every video once an epoch, shuffled by the seed, in batches and parts of equal size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

import numpy as np
from torch.utils.data import Sampler

from vidcls_train.config.batches import check_parts

Key = tuple[int, int]  # (epoch, video index)


class EpochSampler(Sampler[list[Key]]):
    """Batches of keys: all videos once per epoch, shuffled, in batches as equal as they can be.

    A batch is cut into parts: one for each process, and for each step that gradients are accumulated over.
    Order and parts depend on the seed and the epoch alone, so a resumed run, or processes that share the
    batches, see exactly what one unbroken process would. Set `epoch` before iterating.

    Example:
        >>> sampler = EpochSampler(range(5), batch_size=2, seed=0)
        >>> [len(batch) for batch in sampler]
        [2, 2, 1]
        >>> sampler.epoch = 3
        >>> sorted(key for batch in sampler for key in batch)
        [(3, 0), (3, 1), (3, 2), (3, 3), (3, 4)]
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
        """Divide the videos into batches.

        Args:
            videos: the training set; only its length is used.
            batch_size: the most clips of a batch, its parts together.
            seed: of the order.
            accumulation_steps: parts that each process computes one after the other.
            processes: that share every batch.
            rank: the process whose parts to hand out, 0 to processes - 1.

        Raises:
            ValueError: a batch has no two clips for every part.
        """
        check_parts(len(videos), batch_size=batch_size, processes=processes, accumulation_steps=accumulation_steps)
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
