"""How a training clip is varied: pytorchvideo's and torchvision's transforms on uint8 frames.

Frames are resized as uint8 and normalised last, by the filter that the SDK runs: the other order, and
any other filter, would train on pixels that no deployed model is ever given.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

import numpy as np
import torch
import torchvision.transforms._functional_tensor
from PIL import Image as PillowImage
from torchvision import tv_tensors
from torchvision.transforms import (
    Compose,
    InterpolationMode,
    RandAugment,
    RandomErasing,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomResizedCrop,
    v2,
)

from vidcls.contract import Image
from vidcls_train.config.groups import AugmentationConfig
from vidcls_train.data.colours import RandomColours, RandomHue

# pytorchvideo 0.1.5 imports this module by the name it had in torchvision before 0.17.
sys.modules.setdefault("torchvision.transforms.functional_tensor", torchvision.transforms._functional_tensor)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # about its own use of torch.jit
    from pytorchvideo.transforms import UniformTemporalSubsample

_ERASED_AREA = (0.02, 1 / 3)
_GREY = (124, 116, 104)  # what the statistics that VideoMAE is normalised by are the middle of
_GEOMETRIC = ("Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")


class RandomCrop(RandomResizedCrop):  # type: ignore[misc]
    """torchvision's RandomResizedCrop for clips, by the pixel rule: one box for all frames, Pillow's filter.

    Area and proportions are those of what the deployed model sees: the largest square of a frame, or the whole frame
    where it is stretched into a square. So scales are no smaller in training than they are later.

    Example:
        >>> image = Image(
        ...     resize="shortest_edge",
        ...     resize_size=32,
        ...     crop_size=32,
        ...     interpolation="bilinear",
        ...     antialias=True,
        ...     channels="rgb",
        ...     mean=(0.5, 0.5, 0.5),
        ...     std=(0.5, 0.5, 0.5),
        ... )
        >>> RandomCrop(image, area=0.5, stretch=4 / 3)(torch.zeros(8, 3, 48, 64, dtype=torch.uint8)).shape
        torch.Size([8, 3, 32, 32])
    """

    def __init__(self, image: Image, *, area: float, stretch: float) -> None:
        """Set the crops' range.

        Args:
            image: the contract's image section.
            area: `crop_scale_min`, the smallest share that a crop has of the largest one's area, 0 to 1.
            stretch: `crop_aspect_ratio_max`, how many times as wide as high a crop may be, or as high as wide.
        """
        super().__init__(image.crop_size, scale=(area, 1.0), ratio=(1 / stretch, stretch))
        self._image = image

    def forward(self, img: torch.Tensor) -> torch.Tensor:
        """uint8 [T, 3, H, W] -> uint8 [T, 3, crop_size, crop_size]."""
        height, width = img.shape[-2:]
        side = max(height, width)
        whole = self._image.resize == "stretch"
        area = torch.empty(1).expand(1, *([side, side] if whole else [height, width]))  # of no memory
        square = 1.0 if whole else min(height, width) / side  # the largest one's share of that area
        top, left, rows, columns = self.get_params(area, [square * share for share in self.scale], self.ratio)
        down, across = height / area.shape[1], width / area.shape[2]
        box = (left * across, top * down, (left + columns) * across, (top + rows) * down)
        size = (self._image.crop_size, self._image.crop_size)
        frames = [
            np.asarray(PillowImage.fromarray(frame).resize(size, PillowImage.Resampling.BILINEAR, box=box))
            for frame in img.permute(0, 2, 3, 1).contiguous().numpy()
        ]
        return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


class RandomOperations(RandAugment):  # type: ignore[misc]
    """torchvision's RandAugment, the same operations on all frames: uint8 [T, 3, H, W] to the same.

    Example:
        >>> RandomOperations(7, colours=False)(torch.zeros(8, 3, 32, 32, dtype=torch.uint8)).shape
        torch.Size([8, 3, 32, 32])
    """

    def __init__(self, magnitude: int, *, colours: bool) -> None:
        """Args: magnitude: of the operations, 0 to 30. colours: whether those that change colours are among them."""
        super().__init__(magnitude=magnitude, interpolation=InterpolationMode.BILINEAR, fill=list(_GREY))
        self._colours = colours

    def _augmentation_space(self, num_bins: int, image_size: tuple[int, int]) -> dict[str, tuple[torch.Tensor, bool]]:
        operations = super()._augmentation_space(num_bins, image_size)
        return {name: how for name, how in operations.items() if self._colours or name in _GEOMETRIC}


class RandomRectangle(RandomErasing):  # type: ignore[misc]
    """torchvision's RandomErasing, whose rectangle is drawn on a grid of `grid` x `grid`, whatever the size of a clip.

    So clips of two sizes lose the same part of the picture by the same random numbers.

    Example:
        >>> RandomRectangle(1.0, grid=32)(torch.zeros(8, 3, 64, 64, dtype=torch.uint8)).shape
        torch.Size([8, 3, 64, 64])
    """

    def __init__(self, probability: float, *, grid: int) -> None:
        """Args: probability: that a clip is erased. grid: pixels; a clip of this size is erased as torchvision does."""
        super().__init__(probability, scale=_ERASED_AREA, value=_GREY)
        self._grid = grid

    def forward(self, img: torch.Tensor) -> torch.Tensor:
        """uint8 [T, 3, H, W] to the same."""
        if torch.rand(1) >= self.p:
            return img
        grid = img.new_empty(1).expand(3, self._grid, self._grid)  # of no memory
        top, left, rows, columns, colour = self.get_params(grid, self.scale, self.ratio, list(map(float, self.value)))
        if rows == columns == self._grid:  # torchvision found none that fits
            return img
        down, across = (side / self._grid for side in img.shape[-2:])
        erased = img.clone()
        erased[
            ..., round(top * down) : round((top + rows) * down), round(left * across) : round((left + columns) * across)
        ] = colour.to(img.dtype)
        return erased


def training_transform(
    image: Image, augmentation: AugmentationConfig, *, frames: int, flip: bool, grid: int | None = None
) -> Compose:
    """uint8 RGB [3, n, H, W] of a window -> uint8 RGB [3, T, crop_size, crop_size], varied as the augmentation says.

    Random numbers come from torch's global generator.

    Args:
        image: the contract's image section.
        augmentation: how strong each is; 0 leaves one out.
        frames: T.
        flip: mirror every other clip.
        grid: of `RandomRectangle`; None for the image section's size.
    """
    share = augmentation.color_jitter
    steps: list[Callable[[torch.Tensor], torch.Tensor]] = [
        _channels_last,  # as the frames lie in memory, so that whole frames are copied
        UniformTemporalSubsample(frames, temporal_dim=0),
        _channels_second,
        RandomCrop(image, area=augmentation.crop_scale_min, stretch=augmentation.crop_aspect_ratio_max),
    ]
    if augmentation.rand_augment:
        steps.append(RandomOperations(augmentation.rand_augment, colours=share > 0))
    if share > 0:
        steps.append(RandomColours(share))
    if share > 0 and augmentation.hue_jitter:
        steps.append(RandomHue(augmentation.hue_jitter))
    if share > 0 and augmentation.grayscale_prob:
        steps.append(RandomGrayscale(augmentation.grayscale_prob))
    if flip:
        steps.append(RandomHorizontalFlip())
    if augmentation.random_erasing_prob:
        steps.append(RandomRectangle(augmentation.random_erasing_prob, grid=grid or image.crop_size))
    return Compose([*steps, _channels_first])


def _channels_last(clip: torch.Tensor) -> torch.Tensor:
    """pytorchvideo's [3, T, H, W] to [T, H, W, 3]."""
    return clip.permute(1, 2, 3, 0)


def _channels_second(clip: torch.Tensor) -> torch.Tensor:
    """[T, H, W, 3] to torchvision's [T, 3, H, W]."""
    return clip.permute(0, 3, 1, 2)


def _channels_first(clip: torch.Tensor) -> torch.Tensor:
    """torchvision's [T, 3, H, W] to pytorchvideo's [3, T, H, W]."""
    return clip.transpose(0, 1)


def mixing_mask(
    mixing: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]], height: int, width: int
) -> torch.Tensor:
    """Which share of each pixel of a pair's clips stays their own, float32 [2, height, width].

    Args:
        mixing: a `PairMixing`, whose random numbers are those that it would draw for the clips.
        height, width: of the clips.
    """
    own = torch.zeros(2, 1, 1, height, width)
    own[0] = 1.0
    first, second = mixing(own, torch.eye(2))[0][:, 0, 0]
    return torch.stack([first, 1 - second])


class PairMixing:
    """torchvision's MixUp and CutMix between the two clips of a pair, one or the other at random.

    Pairs and not whole batches, so that a clip is mixed alike however a batch is shared among processes.

    Example:
        >>> clips, targets = torch.rand(2, 8, 3, 32, 32), torch.eye(2)
        >>> mixed, shares = PairMixing(mixup=0.8, cutmix=1.0)(clips, targets)
        >>> mixed.shape, shares.sum(dim=1).allclose(torch.ones(2))
        (torch.Size([2, 8, 3, 32, 32]), True)
    """

    def __init__(self, *, mixup: float, cutmix: float) -> None:
        """Args: mixup, cutmix: parameters of the beta distributions; 0 leaves a kind of mixing out."""
        kinds = [kind(alpha=alpha) for kind, alpha in ((v2.MixUp, mixup), (v2.CutMix, cutmix)) if alpha > 0]
        self._mix = v2.RandomChoice(kinds) if kinds else None

    def __call__(self, clips: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """float [2, T, 3, H, W] and the shares of their labels, float [2, labels], to the same, mixed."""
        if self._mix is None:
            return clips, targets
        mixed, shares = self._mix(tv_tensors.Video(clips), targets)
        return mixed.as_subclass(torch.Tensor), shares
