"""A video's frames as they lie in a file of the cache: one size for all, and behind them when they are shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from vidcls.preprocessing import resize


def stored_size(frame: npt.NDArray[np.uint8], *, short_side: int) -> tuple[int, int]:
    """(width, height) at which a video is stored that begins with this frame: its short side cut down, never enlarged.

    Example:
        >>> stored_size(np.zeros((240, 320, 3), np.uint8), short_side=160)
        (213, 160)
    """
    height, width = frame.shape[:2]
    short = min(height, width)
    if short <= short_side:
        return width, height
    return short_side * width // short, short_side * height // short


def fit(frame: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """A frame at the size (width, height) that its video is stored at: uint8 RGB [H, W, 3].

    Where a video changes its size midway, each frame is resized from its own, by one factor, until it covers `size`,
    and what is beyond that is cut off evenly, as prediction cuts crops from the middle.

    Example:
        >>> fit(np.zeros((480, 640, 3), np.uint8), (213, 160)).shape
        (160, 213, 3)
        >>> fit(np.zeros((640, 480, 3), np.uint8), (213, 160)).shape
        (160, 213, 3)
    """
    (width, height), (frame_height, frame_width) = size, frame.shape[:2]
    if (frame_width, frame_height) == size:
        return frame
    if frame_width * height > width * frame_height:
        covering = max(width, frame_width * height // frame_height), height
    else:
        covering = width, max(height, frame_height * width // frame_width)
    resized = resize(frame, width=covering[0], height=covering[1])
    left, top = (covering[0] - width) // 2, (covering[1] - height) // 2
    return resized[top : top + height, left : left + width]


def write_header(out: BinaryIO, *, frames: int, size: tuple[int, int]) -> None:
    """Begin a file that holds so many frames of that (width, height); they follow, and `write_times` ends it."""
    shape = (frames, size[1], size[0], 3)
    np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": shape})


def write_times(out: BinaryIO, pts_seconds: Sequence[float]) -> None:
    """End a file: when each of its frames is shown."""
    np.save(out, np.array(pts_seconds))


def read_times(file: Path) -> list[float]:
    """When the frames of a file are shown.

    Raises:
        FileNotFoundError: it is not there.
    """
    with file.open("rb") as opened:
        np.lib.format.read_magic(opened)
        shape, _, _ = np.lib.format.read_array_header_1_0(opened)
        opened.seek(int(np.prod(shape)), os.SEEK_CUR)
        return list(np.load(opened).tolist())


def map_frames(file: Path) -> npt.NDArray[np.uint8]:
    """The frames of a file: uint8 RGB [n, H, W, 3], read when they are used.

    Raises:
        FileNotFoundError: it is not there.
    """
    # Mapped and not copied: of a window's frames few are read. Copied on write, as torch wants its memory.
    return np.asarray(np.load(file, mmap_mode="c"))
