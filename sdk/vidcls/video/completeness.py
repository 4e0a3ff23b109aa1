"""How much of a video could be decoded: what its packets show compared with what came out of them."""

from __future__ import annotations

import math

from vidcls.errors import VideoError
from vidcls.video.frame_index import FrameIndex
from vidcls.video.frames import DIFFERS
from vidcls.video.opencv import OpenCVVideo
from vidcls.video.protocol import Video
from vidcls.video.source import bytes_of, is_url, look_inside
from vidcls.video.structure import edited_seconds, is_cut_off

# Less than this share of what there should be is a header with stray frames, not a video.
MIN_DECODED_SHARE = 0.02

BEING_WRITTEN = "it is still being written; wait until it is complete"


class Completeness:
    """Compares the first frame index of a video, from its packets, with those that decoding corrects it to.

    The length that a container states counts only where the file's own structure says that its end is missing, and
    then only for how much that is.

    share: how much could be decoded, 0 to 1.
    """

    def __init__(self, video: Video) -> None:
        self._video = video
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
        if decoded < self._expected_seconds:
            self._expected_seconds = min(self._expected_seconds, max(decoded, self._edited_seconds()))
        self.share = min(1.0, decoded / self._expected_seconds) if self._expected_seconds else 1.0
        if self.share < MIN_DECODED_SHARE:
            raise VideoError(
                self._video.name,
                f"only {frame_index.duration:.2f} s of its {self._expected_seconds:.2f} s can be decoded; "
                "check that the file is complete",
            )

    def differs(self) -> VideoError:
        """What to raise where other frames come out each time."""
        if self._is_growing():
            return VideoError(self._video.name, BEING_WRITTEN)
        return VideoError(self._video.name, DIFFERS)

    def check_end(self) -> None:
        """Say so where a file changed meanwhile that tells the frames apart by its end.

        What is appended to other containers does not alter the frames before. Of an AVI, FFmpeg takes the half of a
        frame that is there for a whole one, and then counts on.

        Raises:
            VideoError: it is still being written.
        """
        if not self._video.has_pts and self._is_growing():
            raise VideoError(self._video.name, BEING_WRITTEN)

    def _is_growing(self) -> bool:
        return bytes_of(self._video.source, name=self._video.name) != self._video.opened_bytes

    def _stated_seconds(self) -> float:
        """What the container states, where the file's end is missing; else 0."""
        if self._video.stated_seconds is None:
            return 0.0
        is_cut = look_inside(self._video.source, is_cut_off, name=self._video.name)
        return self._video.stated_seconds if is_cut else 0.0

    def _edited_seconds(self) -> float:
        """How much the container's edit list leaves, where packets do not show which ones it cuts off."""
        if not isinstance(self._video, OpenCVVideo):
            return math.inf
        if isinstance(self._video.source, str) and is_url(self._video.source):
            return 0.0  # nothing is known, so nothing is said to be missing
        seconds = look_inside(self._video.source, edited_seconds, name=self._video.name)
        frame = 1 / (self._video.average_rate or math.inf)
        # An edit may begin in the middle of a frame, which then is not shown.
        return math.inf if seconds is None else max(0.0, seconds - frame)
