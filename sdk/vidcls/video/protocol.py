"""What every decoder offers: one open video, read forward frame by frame."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vidcls.video.frame_index import Packet

Frame: TypeAlias = npt.NDArray[np.uint8]


class Video(Protocol):
    """One open video, read forward frame by frame. Times are seconds of the container's own clock."""

    name: str  # for messages
    codec: str  # its four letters, as the container spells them; may be empty
    average_rate: float | None  # frames per second; None if the container does not say
    stated_frames: float | None  # how many frames the container says it holds, which may be wrong; None if it does not

    @property
    def seconds(self) -> float:
        """Seconds from the first frame to the one grabbed last."""

    def packets(self, *, start: float | None = None, end: float | None = None) -> list[Packet]:
        """The packets from a key frame at or before `start` on, all of them up to `end`, in file order.

        Nothing is decoded, which takes microseconds a packet. Without `start` from the beginning, without
        `end` to the end; empty where the container cannot be entered at `start`.
        """

    def restart(self) -> None:
        """Go to the first frame."""

    def seek(self, pts: float) -> None:
        """Go to the frame at `pts`, or to one before it; VideoError where the container cannot."""

    def peek(self) -> float | None:
        """The time of the frame that `grab` will give; None at the end."""

    def grab(self) -> float | None:
        """Decode the next frame: its time; None at the end."""

    def retrieve(self) -> Frame:
        """The frame grabbed last: uint8 RGB [H, W, 3], upright as the container's rotation says."""

    def close(self) -> None:
        """Let go of the file."""
