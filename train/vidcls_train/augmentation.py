"""How a training clip is varied: pytorchvideo's and torchvision's transforms on uint8 frames.

Frames are resized as uint8 and normalised last, by the code that the SDK runs: the other order, and
any other filter, would train on pixels that no deployed model ever sees.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable

import numpy as np
import torch
import torchvision.transforms._functional_tensor
from torchvision.transforms import ColorJitter, Compose, RandomCrop, RandomHorizontalFlip

from vidcls.contract import Contract, Image
from vidcls.preprocessing import resize, resized_size
from vidcls_train.settings import SCALE_RANGE

# pytorchvideo 0.1.5 imports this module by the name it had in torchvision before 0.17.
sys.modules.setdefault("torchvision.transforms.functional_tensor", torchvision.transforms._functional_tensor)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # about its own use of torch.jit
    from pytorchvideo.transforms import RandomShortSideScale, UniformTemporalSubsample

_ROTATIONS = frozenset({"clockwise", "anticlockwise", "counterclockwise", "cw", "ccw", "acw"})
_SIDES = ("left", "right")
_OTHER_WORDS = frozenset(
    {"bright", "upright", "fright", "copyright", "cleft", "leftover", "leftovers", "rightful", "righteous", "rights"}
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class RandomColour(ColorJitter):  # type: ignore[misc]
    """torchvision's ColorJitter, one draw for the whole clip: uint8 [3, T, H, W] to the same."""

    def __init__(self, share: float) -> None:
        """Args: how far brightness, contrast and saturation may stray, as a share of what they are."""
        super().__init__(brightness=share, contrast=share, saturation=share)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        """Change the colours of all frames alike."""
        frames: torch.Tensor = super().forward(clip.permute(1, 0, 2, 3))
        return frames.permute(1, 0, 2, 3)


class RandomScale(RandomShortSideScale):  # type: ignore[misc]
    """pytorchvideo's RandomShortSideScale by the contract's pixel rule: uint8, antialiased.

    pytorchvideo's own resize takes floats and does not antialias.
    """

    def __init__(self, image: Image) -> None:
        low, high = (round(image.crop_size * scale) for scale in SCALE_RANGE)
        super().__init__(min_size=low, max_size=high)
        self._image = image

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale uint8 [3, T, H, W] to one random size for the whole clip."""
        size = int(torch.randint(self._min_size, self._max_size + 1, (1,)).item())
        frames = x.permute(1, 2, 3, 0).numpy()
        width, height = _scaled_size(width=frames.shape[2], height=frames.shape[1], size=size, image=self._image)
        scaled = np.stack([resize(np.ascontiguousarray(frame), width=width, height=height) for frame in frames])
        return torch.from_numpy(scaled).permute(3, 0, 1, 2)


def _scaled_size(*, width: int, height: int, size: int, image: Image) -> tuple[int, int]:
    if image.resize == "stretch":
        return size, size
    width, height = resized_size(width=width, height=height, image=image)
    short = min(width, height)
    return size * width // short, size * height // short


def training_transform(contract: Contract, *, flip: bool, colour_jitter: float) -> Compose:
    """uint8 RGB [3, n, H, W] of a window -> uint8 RGB [3, T, crop_size, crop_size], varied.

    flip: mirror every other clip. colour_jitter: see `RandomColour`; 0 leaves colours as they are.
    Random numbers come from torch's global generator.
    """
    steps = [
        UniformTemporalSubsample(contract.sampling.frames),
        RandomScale(contract.image),
        RandomCrop(contract.image.crop_size),
    ]
    if colour_jitter > 0:
        steps.append(RandomColour(colour_jitter))
    if flip:
        steps.append(RandomHorizontalFlip())
    return Compose(steps)


def directional_labels(labels: Iterable[str]) -> list[str]:
    """Labels that speak of left and right or of a sense of rotation, which a mirrored clip would belie."""
    return [label for label in labels if any(_is_directional(word.lower()) for word in _WORDS.findall(label))]


def _is_directional(word: str) -> bool:
    if word in _ROTATIONS:
        return True
    # swipeleft, lefthook
    return (word.endswith(_SIDES) or word.startswith(_SIDES)) and word not in _OTHER_WORDS
