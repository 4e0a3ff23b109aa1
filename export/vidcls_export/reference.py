"""PyTorch's answers, which every exported file is held against."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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


def reference_logits(model: PreTrainedModel, image: Image, frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """PyTorch's logits [batch, labels] of cropped frames [batch, T, H, W, 3], in fp32 on the CPU."""
    name = architecture_of(model).input_name
    with torch.inference_mode():
        logits = model(**{name: torch.from_numpy(normalise(frames, image))}).logits
    return np.asarray(logits.numpy(), np.float32)


def self_test_clip(contract: Contract) -> npt.NDArray[np.uint8]:
    """The self-test's clip as the model gets it: uint8 RGB [1, T, H, W, 3]."""
    clip = pattern_1(frames=contract.sampling.frames, height=TEST_HEIGHT, width=TEST_WIDTH)
    return np.stack([crop_frame(frame, contract.image, crops=1) for frame in clip], axis=1)


def check_finite(logits: npt.ArrayLike, *, of: str) -> None:
    """Raise ModelError, naming whose logits they are, if one is not a finite number."""
    if not np.isfinite(logits).all():
        raise ModelError(f"{of} answers with logits that are not finite numbers")
