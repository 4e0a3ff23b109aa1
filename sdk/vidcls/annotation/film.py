"""What writes a film frame by frame, and which writer this machine has."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol, TypeAlias

import cv2
import numpy as np

from vidcls.video.frame_index import FrameIndex
from vidcls.video.protocol import Frame

# "copied": packet by packet; "encoded": in another codec, as the container takes its own in none; "none": the video has
# none; "left out": nobody could read it.
Sound: TypeAlias = Literal["copied", "encoded", "none", "left out"]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What is fixed for a film before its first frame.

    width, height: of its pictures. index: its frames, and when each is shown.
    """

    width: int
    height: int
    index: FrameIndex

    @property
    def rate(self) -> float:
        """Frames per second, on average."""
        return len(self.index.times) / self.index.duration if self.index.duration > 0 else 25.0


class Film(Protocol):
    """A film that is being written."""

    sound: Sound

    def add(self, frame: Frame, number: int) -> None:
        """Write the frame of that number, uint8 RGB [H, W, 3] of the film's size; they come in their order."""

    def finish(self, *, decoded_share: float) -> None:
        """Write what is left. decoded_share: of the video; below 1, its sound ends with the pictures."""

    def close(self) -> None:
        """Let go of the files, also of one that is not finished."""


def rounded_rate(rate: float) -> Fraction:
    """A rate as encoders take it, such as 30000/1001."""
    return Fraction(min(max(rate, 0.1), 1000.0)).limit_denominator(1001)


def fitted(frame: Frame, shape: Shape) -> Frame:
    """The frame in the film's size: as it is, or scaled and in the middle of black where a video changes its size."""
    height, width = frame.shape[:2]
    if (width, height) == (shape.width, shape.height):
        return frame
    scale = min(shape.width / width, shape.height / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = np.zeros((shape.height, shape.width, 3), np.uint8)
    left, top = (shape.width - size[0]) // 2, (shape.height - size[1]) // 2
    canvas[top : top + size[1], left : left + size[0]] = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return canvas


def even(frame: Frame) -> Frame:
    """With a row or a column more where there is an odd number, which its edge is repeated in."""
    height, width = frame.shape[:2]
    if height % 2 == width % 2 == 0:
        return frame
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
