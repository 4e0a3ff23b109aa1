"""PyTorch's answers, which every exported file is held against."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedModel

from vidcls.contract import Contract
from vidcls.cpus import usable_cpus
from vidcls.errors import ModelError
from vidcls.preprocessing import crop_frame, normalise
from vidcls.selftest import pattern_1

TEST_HEIGHT, TEST_WIDTH = 240, 320  # pixels; a webcam's, so that resize and crop are part of the proof


@contextmanager
def usable_threads() -> Iterator[None]:
    """Within, PyTorch uses the CPUs that vidcls uses: a container's share, not the whole host's."""
    before = torch.get_num_threads()
    torch.set_num_threads(usable_cpus())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def reference_logits(model: PreTrainedModel, pixel_values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """PyTorch's logits [batch, labels] of pixel values [batch, T, 3, H, W], in fp32 on the CPU."""
    with torch.inference_mode():
        logits = model(torch.from_numpy(pixel_values)).logits
    return np.asarray(logits.numpy(), np.float32)


def self_test_clip(contract: Contract) -> npt.NDArray[np.float32]:
    """The self-test's clip as the model gets it: float32 [1, T, 3, H, W]."""
    clip = pattern_1(frames=contract.sampling.frames, height=TEST_HEIGHT, width=TEST_WIDTH)
    cropped = np.stack([crop_frame(frame, contract.image, crops=1) for frame in clip], axis=1)
    return normalise(cropped, contract.image)


def check_finite(logits: npt.ArrayLike, *, of: str) -> None:
    """Raise ModelError, naming whose logits they are, if one is not a finite number."""
    if not np.isfinite(logits).all():
        raise ModelError(f"{of} answers with logits that are not finite numbers")
