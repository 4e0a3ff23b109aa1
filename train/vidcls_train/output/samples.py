"""Clips as training sees them, in motion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vidcls.contract import Contract
from vidcls_train.data.clip_list import Clip
from vidcls_train.data.datasets import ClipDataset
from vidcls_train.output.pictures import write_samples

_SHOWN = 8


def write_training_samples(dataset: ClipDataset, clips: Sequence[Clip], contract: Contract, path: Path) -> None:
    """Show clips as the first epoch trains on them, of as many labels as fit."""
    order = np.random.default_rng(0).permutation(len(clips))
    first_of_label = {clips[index].label: int(index) for index in reversed(order)}
    chosen = [*first_of_label.values(), *(int(index) for index in order if index not in first_of_label.values())]
    samples = [(clips[index].label, dataset.frames(0, index)) for index in chosen[:_SHOWN]]
    write_samples(samples, path, seconds=contract.sampling.clip_seconds)
