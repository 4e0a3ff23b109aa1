"""uint8 RGB frames -> the model's input tensor, pixel for pixel as in training.

Where a region is asked for, it is cut out of the frame first, and all else goes as if the video had been filmed so.

The resize is Pillow's antialiased bilinear filter on uint8, because one grey level of difference
already moves logits; OpenCV's bilinear resize, which does not antialias, is off by many.

Along the first axis always the whole frame is filtered, and cropped afterwards: Pillow can resize the part of
a frame that makes a crop, but keeps the part's edges in float32, so that pixels can come out otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from vidcls.concurrency.prefetch import map_ahead
from vidcls.contract import Image
from vidcls.cpus import usable_cpus
from vidcls.region import Region, check_region, region_box

# A frame, uint8 RGB [H, W, 3] -> what the model is given of it, uint8 RGB [crops, crop_size, crop_size, 3].
Crop: TypeAlias = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]

# Frames that are cropped at a time, at most. Each is held whole (25 MB in 4K), and decoding keeps few threads busy.
CROP_THREADS = 4


def cut_region(frame: npt.NDArray[np.uint8], region: Region | None) -> npt.NDArray[np.uint8]:
    """The pixels of a region, [H, W, 3] like the frame that they are a view of; all of them where it is None.

    Raises:
        ValueError: as for `region_box`.
    """
    if region is None:
        return frame
    left, top, right, bottom = region_box(region, width=frame.shape[1], height=frame.shape[0])
    return frame[top:bottom, left:right]


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


def crop_boxes(
    *, width: int, height: int, image: Image, crops: int, region: Region | None = None
) -> list[tuple[int, int, int, int]]:
    """(left, top, right, bottom) in pixels of a whole picture of what each crop shows of it: to be drawn on it.

    Args:
        width, height: of the picture, or of a smaller one of it that people are shown.
        image: the contract's image section.
        crops: 1 or 3.
        region: as for `region_box`; None for all of it.

    >>> from vidcls.preprocessing import crop_boxes
    >>> image = VideoClassifier("model.onnx").contract.image
    >>> crop_boxes(width=1920, height=1080, image=image, crops=1)
    [(411, 0, 1509, 1080)]
    """
    check_region(region)
    edges = (0.0, 0.0, 1.0, 1.0) if region is None else region
    left, top, right, bottom = (share * pixels for share, pixels in zip(edges, (width, height) * 2, strict=True))
    across, down = max(1, round(right - left)), max(1, round(bottom - top))
    resized = resized_size(width=across, height=down, image=image)
    wide, high = (right - left) / resized[0], (bottom - top) / resized[1]
    corners = crop_corners(width=resized[0], height=resized[1], image=image, crops=crops)
    size = image.crop_size
    return [
        (
            round(left + x * wide),
            round(top + y * high),
            round(left + (x + size) * wide),
            round(top + (y + size) * high),
        )
        for x, y in corners
    ]


def resize(frame: npt.NDArray[np.uint8], *, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Resize one uint8 RGB frame [H, W, 3] with Pillow's antialiased bilinear filter.

    Pillow filters one axis after the other and rounds in between, so the order shows in the pixels.
    It is Pillow 13's in any version: columns of a frame that loses more than twice as many rows as
    columns come first (earlier versions begin with the rows of every frame).
    """
    return resize_part(frame, width=width, height=height, box=(0, 0, width, height))


def resize_part(
    frame: npt.NDArray[np.uint8], *, width: int, height: int, box: tuple[int, int, int, int]
) -> npt.NDArray[np.uint8]:
    """What `resize` gives within a box of the resized frame, without filtering along the second axis around it.

    Args:
        frame: uint8 RGB [H, W, 3].
        width, height: pixels that the whole frame is resized to.
        box: left, top, right, bottom in pixels of the resized frame.
    """
    frame_height, frame_width, _ = frame.shape
    lost_rows, lost_columns = frame_height - height, frame_width - width
    columns_first = lost_rows > max(0, 2 * lost_columns)
    halfway = (frame_width, height) if columns_first else (width, frame_height)
    left, top, right, bottom = box
    image = PillowImage.fromarray(frame).resize(halfway, PillowImage.Resampling.BILINEAR)
    # Filtered along one axis, a row or a column does not depend on its neighbours.
    if columns_first:
        part = image.crop((0, top, frame_width, bottom)).resize((width, bottom - top), PillowImage.Resampling.BILINEAR)
        return np.asarray(part)[:, left:right]
    part = image.crop((left, 0, right, frame_height)).resize((right - left, height), PillowImage.Resampling.BILINEAR)
    return np.asarray(part)[top:bottom]


def crop_frame(
    frame: npt.NDArray[np.uint8], image: Image, *, crops: int, region: Region | None = None
) -> npt.NDArray[np.uint8]:
    """Cut a region out of one frame, resize it and cut its crops.

    Args:
        frame: uint8 RGB [H, W, 3], upright.
        image: the contract's image section.
        crops: 1 or 3, along the long side of the region.
        region: see `region_box`; None for the whole frame.

    Returns:
        uint8 RGB [crops, crop_size, crop_size, 3]: exactly what the model sees.

    Raises:
        ValueError: the region is less than a pixel of this frame.
    """
    frame = cut_region(frame, region)
    width, height = resized_size(width=frame.shape[1], height=frame.shape[0], image=image)
    size = image.crop_size
    corners = crop_corners(width=width, height=height, image=image, crops=crops)
    left, top = (min(corner[axis] for corner in corners) for axis in (0, 1))
    right, bottom = (max(corner[axis] for corner in corners) + size for axis in (0, 1))
    resized = resize_part(frame, width=width, height=height, box=(left, top, right, bottom))
    cuts = [(x - left, y - top) for x, y in corners]
    return np.stack([resized[y : y + size, x : x + size] for x, y in cuts])


def crop_frames(pictures: Iterable[Callable[[], npt.NDArray[np.uint8]]], crop: Crop) -> Iterator[npt.NDArray[np.uint8]]:
    """The crops of every picture, in order, on several threads while the next ones are being decoded.

    Args:
        pictures: each is called once, in one of the threads, and gives uint8 RGB [H, W, 3], upright. A few more
            are taken than crops were handed out (see CROP_THREADS). What they raise comes through as it is.
        crop: as `crop_frame` does it.
    """

    def cropped_picture(picture: Callable[[], npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
        return crop(picture())

    with closing(map_ahead(cropped_picture, pictures, threads=min(usable_cpus(), CROP_THREADS))) as cropped:
        yield from cropped


def normalise(frames: npt.NDArray[np.uint8], image: Image) -> npt.NDArray[np.float32]:
    """(x / 255 - mean) / std per channel, in float32 and in that order, as torchvision does it.

    Args:
        frames: uint8 RGB [..., T, H, W, 3].

    Returns:
        float32 [..., T, 3, H, W].
    """
    mean = np.asarray(image.mean, np.float32)
    std = np.asarray(image.std, np.float32)
    *leading, height, width, channels = frames.shape
    normalised = np.empty((*leading, channels, height, width), np.float32)
    # A plane at a time: it stays in the CPU's cache from the first operation to the last.
    for position in np.ndindex(*leading, channels):
        *frame, channel = position
        plane, values = normalised[position], (*frame, ..., channel)
        np.divide(frames[values], np.float32(255), out=plane, dtype=np.float32)
        plane -= mean[channel]
        plane /= std[channel]
    return normalised
