"""uint8 RGB frames -> the model's input tensor, pixel for pixel as in training.

The resize is Pillow's antialiased bilinear filter on uint8, because one grey level of difference
already moves logits; OpenCV's bilinear resize, which does not antialias, is off by many.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from vidcls.contract import Image


def resized_size(*, width: int, height: int, image: Image) -> tuple[int, int]:
    """(width, height) in pixels that a frame is resized to, before the crop.

    `shortest_edge`: the short side becomes resize_size and the long side
    floor(resize_size * long / short). `stretch`: both become crop_size.
    """
    if image.resize == "stretch":
        return image.crop_size, image.crop_size
    if width <= height:
        return image.resize_size, image.resize_size * height // width
    return image.resize_size * width // height, image.resize_size


def crop_corners(*, width: int, height: int, image: Image, crops: int) -> list[tuple[int, int]]:
    """(left, top) in pixels of each crop of a resized frame.

    One crop lies in the middle; three lie at the start, in the middle and at the end of the long
    side. Halves round down (torchvision's CenterCrop rounds them to even).
    """
    size = image.crop_size
    left, top = (width - size) // 2, (height - size) // 2
    if crops == 1:
        return [(left, top)]
    if width >= height:
        return [(0, top), (left, top), (width - size, top)]
    return [(left, 0), (left, top), (left, height - size)]


def resize(frame: npt.NDArray[np.uint8], *, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Resize one uint8 RGB frame [H, W, 3] with Pillow's antialiased bilinear filter."""
    resized = PillowImage.fromarray(frame).resize((width, height), PillowImage.Resampling.BILINEAR)
    return np.asarray(resized)


def crop_frame(frame: npt.NDArray[np.uint8], image: Image, *, crops: int) -> npt.NDArray[np.uint8]:
    """Resize one frame and cut its crops.

    Args:
        frame: uint8 RGB [H, W, 3], upright.
        image: the contract's image section.
        crops: 1 or 3.

    Returns:
        uint8 RGB [crops, crop_size, crop_size, 3]: exactly what the model sees.
    """
    width, height = resized_size(width=frame.shape[1], height=frame.shape[0], image=image)
    resized = resize(frame, width=width, height=height)
    size = image.crop_size
    corners = crop_corners(width=width, height=height, image=image, crops=crops)
    return np.stack([resized[top : top + size, left : left + size] for left, top in corners])


def normalise(frames: npt.NDArray[np.uint8], image: Image) -> npt.NDArray[np.float32]:
    """(x / 255 - mean) / std per channel, in float32 and in that order, as torchvision does it.

    Args:
        frames: uint8 RGB [..., T, H, W, 3].

    Returns:
        float32 [..., T, 3, H, W].
    """
    mean = np.asarray(image.mean, np.float32)
    std = np.asarray(image.std, np.float32)
    # A channel has only 256 values: looking them up gives the same floats in one pass.
    levels = np.arange(256, dtype=np.float32) / np.float32(255)
    table = (levels - mean[:, None]) / std[:, None]
    planes = [table[channel][frames[..., channel]] for channel in range(3)]
    return np.stack(planes, axis=-3)
