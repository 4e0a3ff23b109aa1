"""How much of a video could be decoded: what its packets show compared with what came out of them."""

from __future__ import annotations

import io
import os
from pathlib import Path

from vidcls.errors import VideoError
from vidcls.video.frame_index import FrameIndex
from vidcls.video.frames import DIFFERS
from vidcls.video.protocol import Video
from vidcls.video.source import VideoSource, is_url
from vidcls.video.structure import is_cut_off

# Less than this share of what there should be is a header with stray frames, not a video.
MIN_DECODED_SHARE = 0.02


class Completeness:
    """Compares the first frame index of a video, from its packets, with those that decoding corrects it to.

    The length that a container states counts only where the file's own structure says that its end is missing, and
    then only for how much that is.

    share: how much could be decoded, 0 to 1.
    """

    def __init__(self, video: Video, source: VideoSource) -> None:
        self._video, self._source = video, source
        self._size = _size_of(source)
        self._expected_seconds: float | None = None
        self.share = 1.0

    def check(self, frame_index: FrameIndex) -> None:
        """Compare a frame index with the first one.

        Raises:
            VideoError: it is less than MIN_DECODED_SHARE of that.
        """
        if self._expected_seconds is None:
            self._expected_seconds = max(frame_index.duration, self._stated_seconds())
        decoded = max(frame_index.duration, 1 / (self._video.average_rate or 1.0))
        self.share = min(1.0, decoded / self._expected_seconds) if self._expected_seconds else 1.0
        if self.share < MIN_DECODED_SHARE:
            raise VideoError(
                self._video.name,
                f"only {frame_index.duration:.2f} s of its {self._expected_seconds:.2f} s can be decoded; "
                "check that the file is complete",
            )

    def differs(self) -> VideoError:
        """What to raise where other frames come out each time."""
        if self._size is not None and _size_of(self._source) != self._size:
            return VideoError(self._video.name, "it is still being written; wait until it is complete")
        return VideoError(self._video.name, DIFFERS)

    def _stated_seconds(self) -> float:
        """What the container states, where the file's end is missing; else 0."""
        if self._video.stated_seconds is None or (isinstance(self._source, str) and is_url(self._source)):
            return 0.0
        if isinstance(self._source, io.BufferedIOBase):
            position = self._source.tell()
            is_cut = is_cut_off(self._source)
            self._source.seek(position)
        else:
            with Path(self._source).open("rb") as file:
                is_cut = is_cut_off(file)
        return self._video.stated_seconds if is_cut else 0.0


def _size_of(source: VideoSource) -> int | None:
    if isinstance(source, io.BufferedIOBase) or is_url(os.fspath(source)):
        return None
    return Path(source).stat().st_size
