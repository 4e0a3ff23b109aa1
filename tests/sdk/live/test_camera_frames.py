"""Which frames of a source count: not those that waited while it was opened."""

from __future__ import annotations

import time

import numpy as np
import pytest

from generated import painted_frame, painted_number
from vidcls.live.camera_frames import arrivals


class Opened:
    """What of cv2.VideoCapture is needed: a stream of 5 fps of which the first frames waited."""

    def __init__(self, *, waited: int, coming: int, stamp_seconds: float) -> None:
        self.number, self.waited, self.coming, self.stamp_seconds = -1, waited, coming, stamp_seconds

    def grab(self) -> bool:
        self.number += 1
        time.sleep(0.2 if self.number >= self.waited else 0.0005)
        return self.number < self.waited + self.coming

    def get(self, _: int) -> float:
        return self.number * self.stamp_seconds * 1000

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, painted_frame(self.number, width=32, height=32)


@pytest.mark.parametrize(
    ("waited", "stamp_seconds", "expected"),
    [
        (20, 0.2, [20, 21, 22]),
        (0, 0.2, [1, 2]),  # the first has nothing to be compared with
        (0, 0.0, [1, 2]),  # no stamps at all
        (0, 0.5, [1, 2]),  # stamps of a rate that is not the camera's
    ],
)
def test_frames_that_waited_while_the_stream_was_opened_are_passed_over(
    waited: int, stamp_seconds: float, expected: list[int]
) -> None:
    opened = Opened(waited=waited, coming=3, stamp_seconds=stamp_seconds)
    taken = list(arrivals(opened, lambda: False))  # type: ignore[arg-type]
    assert len(taken) == waited + 3  # those that are passed over are sent too, without a picture
    shown = [(header, frame) for header, frame in taken if frame is not None]
    assert [painted_number(frame) for _, frame in shown] == expected
    assert [header.pts_seconds for header, _ in shown] == pytest.approx([n * stamp_seconds for n in expected])
    assert min(np.diff([header.arrived_ns for header, _ in shown])) > 0.1e9
