"""PyTorch's answers, with which every exported file is compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedModel

from vidcls.contract import Contract, Image
from vidcls.cpus import usable_cpus
from vidcls.errors import ModelError
from vidcls.preprocessing import crop_frame, normalise
from vidcls.selftest import pattern_1
from vidcls_export.architectures import architecture_of
from vidcls_export.latency import median_ms

# Logits float32 [batch, labels] of cropped frames uint8 RGB [batch, T, H, W, 3].
Classify: TypeAlias = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]

TEST_HEIGHT, TEST_WIDTH = 240, 320  # pixels; a webcam's, so that resize and crop are part of the proof


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What the PyTorch model answers.

    classify: its logits for any cropped frames, in fp32 on the CPU.
    clip: the self-test's clip as the model gets it, uint8 RGB [1, T, H, W, 3].
    logits: the model's for that clip, one for each label.
    reach: the largest |logit| of that clip and of others made of it: those of one alone may be near 0 by chance.
    latency_ms: median time of that clip through the model alone.
    """

    classify: Classify
    clip: npt.NDArray[np.uint8]
    logits: tuple[float, ...]
    reach: float
    latency_ms: float


def measure_reference(model: PreTrainedModel, contract: Contract) -> Reference:
    """The model's answer to the self-test's clip, and how long it takes.

    Raises:
        ModelError: a logit is NaN or infinite.
    """
    classify, clip = partial(reference_logits, model, contract.image), self_test_clip(contract)
    logits = tuple(classify(clip)[0].tolist())
    reached = np.stack([logits, *(classify(other)[0] for other in (255 - clip, clip // 4, np.full_like(clip, 128)))])
    check_finite(reached, of="PyTorch")
    return Reference(
        classify=classify,
        clip=clip,
        logits=logits,
        reach=float(np.abs(reached).max()),
        latency_ms=median_ms(partial(classify, clip)),
    )


def reference_logits(model: PreTrainedModel, image: Image, frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """PyTorch's logits float32 [batch, labels] of cropped frames uint8 RGB [batch, T, H, W, 3], in fp32 on the CPU."""
    name = architecture_of(model).input_name
    with torch.inference_mode():
        logits = model(**{name: torch.from_numpy(normalise(frames, image))}).logits
    return np.asarray(logits.numpy(), np.float32)


def self_test_clip(contract: Contract) -> npt.NDArray[np.uint8]:
    """The self-test's clip as the model gets it: uint8 RGB [1, T, H, W, 3]."""
    clip = pattern_1(frames=contract.sampling.frames, height=TEST_HEIGHT, width=TEST_WIDTH)
    return np.stack([crop_frame(frame, contract.image, crops=1) for frame in clip], axis=1)


def check_finite(logits: npt.ArrayLike, *, of: str) -> None:
    """Raise ModelError, naming whose logits they are, if one is NaN or infinite."""
    if not np.isfinite(logits).all():
        raise ModelError(f"the logits of {of} are NaN or infinite; train the model again, or take other weights")


@contextmanager
def usable_threads() -> Iterator[None]:
    """Within, PyTorch uses the CPUs that vidcls uses: a container's share, not the whole host's."""
    before = torch.get_num_threads()
    torch.set_num_threads(usable_cpus())
    try:
        yield
    finally:
        torch.set_num_threads(before)
