"""What the process that reads a source sends of each frame: pixels, arrival, and the source's own time."""

from __future__ import annotations

import math
import time

import cv2
import numpy as np
import pytest

from generated import painted_frame, painted_number
from vidcls.live.camera_frames import arrivals

# FFmpeg's AV_NOPTS_VALUE, which OpenCV hands out as it is.
NOPTS = float(-(2**63))


class Opened:
    """What of cv2.VideoCapture is needed: three frames, of which the second cannot be decoded."""

    def __init__(self, *, pts: float, answers: tuple[tuple[bool, bool], ...]) -> None:
        self.number, self.pts, self.answers = -1, pts, answers

    def grab(self) -> bool:
        self.number += 1
        return self.number < len(self.answers)

    def get(self, asked: int) -> float:
        return {cv2.CAP_PROP_PTS: self.pts, cv2.CAP_PROP_POS_MSEC: self.number * 40.0}[asked]

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        is_decoded, has_picture = self.answers[self.number]
        return is_decoded, painted_frame(self.number, width=32, height=32) if has_picture else None


@pytest.mark.parametrize("pts", [0.0, -1.0, 7.0])
def test_every_frame_that_can_be_decoded_is_sent_with_its_times(pts: float) -> None:
    opened = Opened(pts=pts, answers=((True, True), (False, False), (True, False), (True, True)))
    before = time.monotonic_ns()
    taken = list(arrivals(opened, lambda: False))  # type: ignore[arg-type]
    assert [painted_number(picture) for _, picture in taken] == [0, 3]
    assert [header.pts_seconds for header, _ in taken] == [0.0, 0.12]
    assert all(before <= header.arrived_ns <= time.monotonic_ns() for header, _ in taken)
    assert [(header.width, header.height, header.dropped) for header, _ in taken] == [(32, 32, 0)] * 2


def test_what_ffmpeg_has_no_time_for_has_none_here() -> None:
    opened = Opened(pts=NOPTS, answers=((True, True), (True, True)))
    taken = list(arrivals(opened, lambda: False))  # type: ignore[arg-type]
    assert len(taken) == 2
    assert all(math.isnan(header.pts_seconds) for header, _ in taken)
