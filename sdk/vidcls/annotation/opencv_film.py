"""A film as OpenCV writes it: MPEG-4 Part 2 at a constant rate, without sound."""

from __future__ import annotations

import errno
from fractions import Fraction
from pathlib import Path

import cv2

from vidcls.annotation.film import Shape, Sound, even, rounded_rate
from vidcls.errors import VideoError
from vidcls.video.protocol import Frame
from vidcls.video.reader import open_video

# Times are counted in steps of it, which is what MPEG-4 has 16 bits for.
_FASTEST = Fraction(240)


class OpenCVFilm:
    """A `vidcls.annotation.film.Film` at the average rate: a frame is shown at its time, to half of that rate's step.

    So of a video with a variable rate some frames are repeated, and others left out.
    """

    sound: Sound = "left out"

    def __init__(self, path: Path, shape: Shape) -> None:
        self._path, self._times = path, shape.index.times
        self._rate = float(min(rounded_rate(shape.rate), _FASTEST))
        size = shape.width + shape.width % 2, shape.height + shape.height % 2
        fourcc = cv2.VideoWriter.fourcc(*"mp4v")
        self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, self._rate, size)
        if not self._writer.isOpened():
            raise OSError(errno.EIO, "OpenCV cannot write a video there", str(path))
        self._written = 0
        self._shown: cv2.typing.MatLike | None = None

    def add(self, frame: Frame, number: int) -> None:
        """Write the frame before as often as it is shown until then."""
        self._show_until(round(self._times[number] * self._rate))
        self._shown = cv2.cvtColor(even(frame), cv2.COLOR_RGB2BGR)

    def finish(self, *, decoded_share: float) -> None:  # noqa: ARG002 - there is no sound
        """Write the last frame, and check that all are in the file: OpenCV says nothing of a full disk."""
        self._show_until(self._written + 1)
        self.close()
        if self._readable() < self._written:
            raise OSError(errno.ENOSPC, "not all of it could be written; the disk may be full", str(self._path))

    def close(self) -> None:
        """Let go of the file."""
        self._writer.release()

    def _readable(self) -> int:
        """How many frames the packets of the closed file show; 0 of one that lacks what a reader begins with."""
        try:
            with open_video(self._path, decoder="opencv") as reader:
                return len(reader.index.times)
        except VideoError:
            return 0

    def _show_until(self, position: int) -> None:
        while self._shown is not None and self._written < position:
            self._writer.write(self._shown)
            self._written += 1
