"""What every decoder offers: one open video, read forward frame by frame."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vidcls.video.frame_index import Packet

Frame: TypeAlias = npt.NDArray[np.uint8]
# A decoded frame that becomes uint8 RGB [H, W, 3], upright, when it is called: once, in whatever thread has the time.
Picture: TypeAlias = Callable[[], Frame]


class Video(Protocol):
    """The film of one open file, read forward frame by frame. Times are seconds of the container's own clock.

    What the container states is a hint: where to look, never what is there.
    """

    source: str | io.BufferedIOBase  # what was opened: an absolute path, a URL or an open file
    opened_bytes: int | None  # how many bytes the file had when it was opened; None of a URL, and of an open file
    name: str  # for messages
    codec: str  # its name, as the decoder spells it; may be empty
    has_pts: bool  # whether the container says when frames are shown, and not only when they are decoded
    skips: bool  # whether frames that are not needed may not come out
    seek_frames: int  # what it costs to start decoding elsewhere, in frames
    average_rate: float | None  # frames per second; None if the container does not say
    has_frame: bool  # whether there is a frame that can be decoded, as far as is seen at the beginning
    first_pts: float  # the time of the first frame
    stated_seconds: float | None  # how long the container says the film is; None if it does not

    @property
    def seconds(self) -> float:
        """Seconds from the first frame to the one grabbed last."""

    @property
    def counts_packets(self) -> bool:
        """Whether each of the `packets` is a frame; where not, frames are counted by decoding them."""

    def proves_end(self) -> bool:
        """Whether the packets prove that the video ends where they say, so that its end need not be decoded."""

    def packets(self, *, start: float | None = None, end: float | None = None) -> list[Packet]:
        """The packets from a key frame at or before `start` on, all of them up to `end`, in file order.

        Nothing is decoded, which takes microseconds a packet. Without `start` from the beginning, without
        `end` to the end; empty where the container cannot be entered at `start`. Packets that the container's
        edit list cuts off are left out where the decoder says which.
        """

    def restart(self) -> None:
        """Go to the first frame."""

    def seek(self, pts: float) -> None:
        """Go to the frame at `pts`, or to one before it; VideoError where the container cannot."""

    def need(self, pts_seconds: Collection[float] | None) -> None:
        """Say which frames have to come out from now on; None: all.

        Of the others a decoder may leave out those that no frame is predicted from, which is faster and alters
        no pixel.
        """

    def peek(self) -> float | None:
        """The time of the frame that `grab` will give; None at the end."""

    def peek_ahead(self) -> list[float]:
        """The times of the next few frames, as many as the decoder can hold."""

    def grab(self) -> float | None:
        """Decode the next frame: its time; None at the end."""

    def retrieve(self) -> Picture:
        """The frame grabbed last; the call gives uint8 RGB [H, W, 3], upright as the container's rotation says."""

    def close(self) -> None:
        """Let go of the file."""
