"""One pass over a video for all who want its frames: each is decoded once, and converted to RGB at most once."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Protocol

from vidcls.video.frame_index import FrameIndex
from vidcls.video.protocol import Picture
from vidcls.video.reader import VideoReader


class FrameSink(Protocol):
    """Takes a video's frames as they are decoded."""

    def restart(self, frame_index: FrameIndex) -> None:
        """Forget what was added: the frames of `frame_index` follow, from the first on.

        Called before the first frame, and again where the video turns out to have other frames than its packets say.
        """

    def add(self, number: int, picture: Picture) -> None:
        """Take the next frame; `picture` may be called, or not."""


def read_once(reader: VideoReader, sinks: Sequence[FrameSink]) -> FrameIndex:
    """Decode a video from beginning to end; the frame index that its frames turned out to follow.

    Args:
        reader: of the video.
        sinks: each is given every frame.

    Raises:
        VideoError: a frame cannot be decoded, less than two hundredths of the video can be, or its frames differ from
            time to time.
    """
    current: FrameIndex | None = None
    for frame_index, number, picture in reader.read_along(lambda index: range(len(index.times))):
        if frame_index is not current:
            current = frame_index
            for sink in sinks:
                sink.restart(frame_index)
        converted = functools.cache(picture)
        for sink in sinks:
            sink.add(number, converted)
    assert current is not None  # noqa: S101 - a video that is open has a frame
    return current
