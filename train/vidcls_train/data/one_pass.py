"""One pass over a video for all who want its frames: each is decoded once, and converted to RGB at most once."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Protocol

from vidcls.sampling import stretch_frames
from vidcls.video.frame_index import FrameIndex
from vidcls.video.protocol import Picture
from vidcls.video.reader import VideoReader


class FrameSink(Protocol):
    """Takes a video's frames as they are decoded."""

    def restart(self, times: Sequence[float]) -> None:
        """Forget what was added: frames follow, from the first on, which are shown at `times`, in seconds after it.

        Called before the first frame, and again where the video turns out to have other frames than its packets say.
        """

    def add(self, number: int, picture: Picture) -> None:
        """Take the next frame, the first one's number being 0; `picture` may be called, or not."""


def read_once(
    reader: VideoReader, sinks: Sequence[FrameSink], *, stretch: tuple[float, float] | None = None
) -> list[float]:
    """Decode a video, or a stretch of it, from beginning to end.

    Args:
        reader: of the video.
        sinks: each is given every frame.
        stretch: (start, end) in seconds after the video's first frame; None for all of it.

    Returns:
        when its frames turned out to be shown, in seconds after the first of them.

    Raises:
        VideoError: a frame cannot be decoded, less than two hundredths of the video can be, or its frames differ from
            time to time.
    """
    current: FrameIndex | None = None
    times: list[float] = []
    first = 0
    for frame_index, number, picture in reader.read_along(lambda index: stretch_frames(index.times, stretch)):
        if frame_index is not current:
            current = frame_index
            window = stretch_frames(frame_index.times, stretch)
            first, origin = window.start, frame_index.times[window.start]
            times = [time - origin for time in frame_index.times[window.start : window.stop]]
            for sink in sinks:
                sink.restart(times)
        converted = functools.cache(picture)
        for sink in sinks:
            sink.add(number - first, converted)
    return times
