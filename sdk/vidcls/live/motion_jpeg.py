"""Motion JPEG of a server, at the size that each picture has.

OpenCV stretches every picture of a stream to the size of the first one, and does not say so. A JPEG says itself how
large it is, so the packets are taken as they are, and a decoder of their own is given them, another for each new size.
It is FFmpeg's, as ever, since others decode other pixels.
"""

from __future__ import annotations

import io
from typing import Protocol

import cv2
import numpy as np

from vidcls.video.picture_size import size_of_pictures

_FOURCC = cv2.VideoWriter.fourcc(*"MJPG")
_PART = b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n"


class Opened(Protocol):
    """What of cv2.VideoCapture a source that is read needs."""

    def grab(self) -> bool:
        """Take the next frame in; False at the end."""

    def get(self, propId: int, /) -> float:  # noqa: N803 - OpenCV's name
        """A property of it."""

    def retrieve(self) -> tuple[bool, cv2.typing.MatLike | None]:
        """It, decoded: uint8 BGR [H, W, 3]."""

    def release(self) -> None:
        """Let go of the source."""


def at_its_sizes(opened: cv2.VideoCapture) -> Opened:
    """The same source, where it is Motion JPEG with each picture at its own size."""
    is_jpeg = int(opened.get(cv2.CAP_PROP_FOURCC)) == _FOURCC
    # From then on it hands out packets.
    return MotionJPEG(opened) if is_jpeg and opened.set(cv2.CAP_PROP_FORMAT, -1) else opened


class MotionJPEG:
    """An open source of JPEG packets; times are those of its packets."""

    def __init__(self, packets: cv2.VideoCapture) -> None:
        self._packets, self.get = packets, packets.get
        self._feed = _Feed(packets)
        self._decoder: cv2.VideoCapture | None = None

    def grab(self) -> bool:
        """Decode the next picture that can be; False at the end."""
        while self._decoder is None or not self._decoder.grab():
            if not self._feed.go_on():
                return False
            # The first picture of another size, or after damage: what is left of the old decoder's goes with it.
            self._decoder = cv2.VideoCapture(self._feed, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])  # type: ignore[call-overload]
        return True

    def retrieve(self) -> tuple[bool, cv2.typing.MatLike | None]:
        """The picture grabbed last, uint8 BGR [H, W, 3]."""
        return (False, None) if self._decoder is None else self._decoder.retrieve()

    def release(self) -> None:
        """Let go of the source."""
        self._packets.release()


class _Feed(io.BufferedIOBase):
    """Packets as a decoder reads them, one by one, as a server sends them; it ends where their size changes."""

    def __init__(self, packets: cv2.VideoCapture) -> None:
        self._packets = packets
        self._left = b""  # of the packet that is being read
        self._next = b""  # the first one of another size
        self._size: tuple[int, int] | None = None

    def go_on(self) -> bool:
        """Begin anew with the next packet; False where there is none."""
        packet = self._next or self._take()
        self._next, self._size = b"", size_of_pictures(packet)
        self._left = _as_part(packet)
        return bool(packet)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """There is only now to be read."""
        return False

    def seek(self, *_: int) -> int:
        """Refused, in the way that OpenCV understands."""
        return -1

    def read(self, size: int | None = -1, /) -> bytes:
        """At most so many bytes of one packet; none where the next has another size, and at the end."""
        if not self._left and not self._next:
            packet = self._take()
            if packet and size_of_pictures(packet) not in (self._size, None):
                self._next = packet
            else:
                self._left = _as_part(packet)
        found, self._left = self._left[:size], self._left[len(self._left[:size]) :]
        return found

    def _take(self) -> bytes:
        if not self._packets.grab():
            return b""
        found, packet = self._packets.retrieve()
        return np.asarray(packet).tobytes() if found and packet is not None else b""


def _as_part(packet: bytes) -> bytes:
    return _PART % (len(packet), packet) if packet else b""
