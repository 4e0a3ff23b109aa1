"""The one way to the frames of a file or URL: opened, checked, and read once.

`VideoReader` stands behind every door: single videos, timelines, files at their own pace, batches, evaluation and
training. It chooses the decoder, and whatever turns out otherwise than the container says is settled in here.

Frames are numbered in the order the decoder hands them out, which is the order they are shown in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Generic, TypeVar

from vidcls.concurrency.forks import keep_in_children
from vidcls.errors import VideoError
from vidcls.sampling import View, sample_stretch, sample_views, stretch_frames
from vidcls.video.completeness import Completeness
from vidcls.video.frame_index import FrameIndex
from vidcls.video.frames import (
    MispredictedError,
    predict_index,
    predict_views_index,
    read_frames,
    scan,
)
from vidcls.video.given_file import broken_off_by_signals, check_read, guarded
from vidcls.video.interlacing import converted
from vidcls.video.opencv import OpenCVVideo
from vidcls.video.opening import Decoder as Decoder  # noqa: PLC0414 - for those who open videos here
from vidcls.video.opening import EndlessError as EndlessError  # noqa: PLC0414
from vidcls.video.opening import default_decoder as default_decoder  # noqa: PLC0414
from vidcls.video.opening import open_decoder
from vidcls.video.protocol import Frame, Picture, Video
from vidcls.video.source import OPEN_SECONDS, VideoSource

Taken = TypeVar("Taken")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class ReadViews(Generic[Taken]):
    """Views of a video as they were read: by which frame index, which frames, and what was made of them."""

    frame_index: FrameIndex
    views: list[View]
    taken: Taken


class VideoReader:
    """An open video, to be read once: in views, or along from beginning to end.

    The film is FFmpeg's best video stream that is no cover picture or thumbnail. What the container states of
    lengths and rates is a hint: packets show which frames there are, and what is decoded counts above that.
    """

    def __init__(self, video: Video, source: VideoSource) -> None:
        self.video, self._source, self._process = video, source, os.getpid()
        self.name = video.name
        self._completeness = Completeness(video)

    @cached_property
    def index(self) -> FrameIndex:
        """Which frames the video has, and when, as its packets say; all of them, and nothing is decoded."""
        self._check_process()
        predicted = broken_off_by_signals(self._source, lambda: predict_index(self.video))
        self._completeness.check(predicted)
        return predicted

    @property
    def decoded_share(self) -> float:
        """How much of the video could be decoded, 0 to 1; below 1 where it was cut off or is damaged."""
        return self._completeness.share

    def read_views(
        self,
        take: Callable[[Sequence[int], Iterator[Picture]], Taken],
        *,
        frames: int,
        clip_seconds: float,
        views: int,
        stretch: tuple[float, float] | None = None,
    ) -> ReadViews[Taken]:
        """Read `views` windows of the video, by the sampling rule.

        Args:
            take: is given the numbers of the frames, increasing, and an iterator of these; called again where the
                video turns out to have other frames than its packets say.
            frames: of each view.
            clip_seconds: length of a window.
            views: how many windows.
            stretch: (start, end) in seconds after the first frame, to be read as if the file was cut there; None for
                all of it.

        Raises:
            VideoError: less than 2 % of the video can be decoded, or other frames come out each time.
        """

        self._check_process()
        read = partial(self._read_views, take, frames=frames, clip_seconds=clip_seconds, views=views, stretch=stretch)
        return broken_off_by_signals(self._source, read)

    def _read_views(
        self,
        take: Callable[[Sequence[int], Iterator[Picture]], Taken],
        *,
        frames: int,
        clip_seconds: float,
        views: int,
        stretch: tuple[float, float] | None,
    ) -> ReadViews[Taken]:
        def read(frame_index: FrameIndex) -> ReadViews[Taken]:
            sampled = _sampled(frame_index, stretch, frames=frames, clip_seconds=clip_seconds, views=views)
            wanted = sorted({index for view in sampled for index in view.indices})
            spans = [(view.indices[0], view.indices[-1]) for view in sampled]
            taken = take(wanted, self._checked(read_frames(self.video, frame_index, wanted, spans=spans)))
            return ReadViews(frame_index=frame_index, views=sampled, taken=taken)

        predicted = (
            predict_views_index(self.video, clip_seconds=clip_seconds, views=views)
            if stretch is None
            else predict_index(self.video)
        )
        self._completeness.check(predicted)
        try:
            found = read(predicted)
        except MispredictedError as wrong:
            self._completeness.check(wrong.frame_index)
            found = self._read_again(read, wrong.frame_index)
        self._completeness.check_end()
        return found

    def read_along(self, choose: Callable[[FrameIndex], Sequence[int]]) -> Iterator[tuple[FrameIndex, int, Picture]]:
        """Read frames from the beginning to the end, decoding each once.

        Args:
            choose: the numbers of the frames that are wanted, increasing; called again where the video turns out to
                have other frames than its packets say. Then all begins anew.

        Yields:
            (the frame index that counts, a frame's number in it, the frame).
        """
        self._check_process()
        frame_index = self.index
        try:
            yield from self._read_along(frame_index, choose(frame_index))
        except MispredictedError as wrong:
            frame_index = wrong.frame_index
            self._completeness.check(frame_index)
            try:
                yield from self._read_along(frame_index, choose(frame_index))
            except MispredictedError:
                raise self._completeness.differs() from None
        self._completeness.check_end()

    def scan(self) -> FrameIndex:
        """Which frames the video has, and when, found by decoding all of them."""
        self.index  # noqa: B018 - what there should be, to compare with
        found = broken_off_by_signals(self._source, lambda: scan(self.video))
        self._completeness.check(found)
        self._completeness.check_end()
        return found

    def is_in_its_process(self) -> bool:
        """Whether this process is the one that opened the video, and none that was forked since."""
        return self._process == os.getpid()

    def _check_process(self) -> None:
        if not self.is_in_its_process():
            # Its decoder's threads are not here, and its place in the file is the parent's too.
            raise RuntimeError(
                f"{self.name}: was opened before this process was forked, and is its parent's; open it in this process"
            )

    def _read_along(self, frame_index: FrameIndex, wanted: Sequence[int]) -> Iterator[tuple[FrameIndex, int, Picture]]:
        if not wanted:
            return
        # Each frame by itself: where they lie far apart, what is between them is not decoded.
        pictures = read_frames(self.video, frame_index, wanted, spans=[(index, index) for index in wanted])
        # The iterator is asked once more than there are frames: it then looks at the video's end.
        numbers = iter(wanted)
        for picture in self._checked(pictures):
            yield frame_index, next(numbers), picture

    def _read_again(self, read: Callable[[FrameIndex], ReadViews[Taken]], frame_index: FrameIndex) -> ReadViews[Taken]:
        try:
            return read(frame_index)
        except MispredictedError:
            raise self._completeness.differs() from None

    def _checked(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        # PyAV's frames need no proof that they were converted.
        return converted(pictures, self.video, self._source) if isinstance(self.video, OpenCVVideo) else pictures


def _sampled(
    frame_index: FrameIndex, stretch: tuple[float, float] | None, *, frames: int, clip_seconds: float, views: int
) -> list[View]:
    if stretch is not None:
        return sample_stretch(frame_index.times, stretch, frames=frames, clip_seconds=clip_seconds, views=views)
    return sample_views(
        frame_index.times, duration=frame_index.duration, frames=frames, clip_seconds=clip_seconds, views=views
    )


@contextmanager
def open_video(
    source: VideoSource, *, decoder: Decoder = "auto", timeout_seconds: float = OPEN_SECONDS
) -> Iterator[VideoReader]:
    """Open a video of which at least the first frame can be decoded.

    Args:
        source: a path, a URL, or an open binary file.
        decoder: "pyav", which needs vidcls[av] and reads faster; "opencv"; "auto" is PyAV where it is installed,
            and else OpenCV. They give the same pixels and times; what OpenCV cannot give is refused.
        timeout_seconds: how long a server may take to answer.

    Raises:
        VideoError: the video cannot be opened, or not one frame of it can be decoded.
        EndlessError: a VideoError; a URL of something that states no length and does not end.
        DependencyError: "pyav" without PyAV.
    """
    source = guarded(source)
    opening = partial(open_decoder, source, decoder=decoder, timeout_seconds=timeout_seconds)
    video = broken_off_by_signals(source, opening)
    reader = VideoReader(video, source)
    keep_in_children(video)
    try:
        yield reader
        check_read(source)
    except VideoError:
        check_read(source)
        raise
    finally:
        if reader.is_in_its_process():
            video.close()


def read_times(source: VideoSource, *, decoder: Decoder = "auto") -> list[float]:
    """Seconds after the first frame of every frame, in decoder order; at least one.

    Decodes the video from beginning to end.

    Raises:
        VideoError: the video cannot be opened, or not one frame of it can be decoded.
    """
    with open_video(source, decoder=decoder) as reader:
        return reader.scan().times


def iter_frames(
    source: VideoSource,
    indices: Sequence[int],
    *,
    decoder: Decoder = "auto",
    stretch: tuple[float, float] | None = None,
) -> Iterator[Frame]:
    """Decode the frames numbered `indices` (strictly increasing), one after the other, from the beginning.

    Args:
        source: of the video.
        indices: numbers of frames; of a stretch, counted from its first frame on.
        decoder: as for `open_video`.
        stretch: (start, end) in seconds after the video's first frame; None for all of it.

    Yields:
        uint8 RGB [H, W, 3], upright as the container's rotation says, one per index.

    Raises:
        VideoError: the video cannot be opened, or ends before the last index.
    """

    def choose(frame_index: FrameIndex) -> Sequence[int]:
        inside = stretch_frames(frame_index.times, stretch)
        return [inside[index] for index in indices if index < len(inside)]

    given = found = 0
    with open_video(source, decoder=decoder) as reader:
        for frame_index, number, picture in reader.read_along(choose):
            inside = stretch_frames(frame_index.times, stretch)
            found = len(inside)
            if number - inside.start >= given:  # else the file had to be read anew
                given = number - inside.start + 1
                yield picture()
    if indices and given <= indices[-1]:
        missing = next(index for index in indices if index >= given)
        raise VideoError(reader.name, f"frame {missing} cannot be decoded, the file gave {found} frames")
