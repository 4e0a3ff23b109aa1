"""A whole file, window by window, as fast as the model takes them: none dropped, in flat memory."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timezone

import numpy as np
import numpy.typing as npt

from vidcls.concurrency.cancellation import CancelledError, cancellable, raise_if_cancelled
from vidcls.concurrency.prefetch import map_ahead
from vidcls.contract import Contract
from vidcls.live.pictures import PictureState, shared
from vidcls.live.repeats import Classify, Repeats
from vidcls.preprocessing import Crop
from vidcls.temporal.record import Record
from vidcls.temporal.windows import Window, pick_frames, sliding_starts
from vidcls.video.frame_index import FrameIndex
from vidcls.video.reader import Decoder, open_video
from vidcls.video.source import VideoSource


class FileWindows:
    """The windows of a whole file, in order; iterate once.

    The file is decoded once: its packets say beforehand when frames are shown. Every frame is resized and cropped
    at most once, however many windows it is in, and kept only while a window needs it, so memory does not grow
    with the file (but for the list of its frames' times).

    duration: seconds. starts: where its windows start, in seconds. Both may be corrected while iterating, where
    frames turn out to be missing; windows that were handed out before are not handed out again.
    """

    def __init__(
        self, source: VideoSource, contract: Contract, *, step_seconds: float, crop: Crop, decoder: Decoder = "auto"
    ) -> None:
        """Open the file and go through its packets.

        Raises:
            VideoError: the video cannot be opened or decoded; also while iterating.
        """
        self._contract, self._step, self._crop = contract, step_seconds, crop
        with ExitStack() as opened:
            self._reader = opened.enter_context(open_video(source, decoder=decoder))
            self._use(self._reader.index)
            # Closed by whoever iterates, since that may be another thread, which must not lose the file while it reads.
            self._open = opened.pop_all()

    def close(self) -> None:
        """Let go of the file, where nobody has read it to its end."""
        self._open.close()

    def __iter__(self) -> Generator[Window, None, None]:
        with self._open:
            yield from self._windows()

    def _windows(self) -> Iterator[Window]:
        frame_index, waiting, last = self._reader.index, deque(self.starts), -math.inf
        kept: dict[int, npt.NDArray[np.uint8]] = {}
        for current, number, picture in self._reader.read_along(self._choose):
            if current is not frame_index:  # all begins anew, by other times
                frame_index, waiting = current, deque(start for start in self.starts if start > last)
                kept.clear()
            newest = shared(picture())
            kept[number] = self._crop(newest)
            while waiting and number >= (picked := self._pick(waiting[0]))[-1]:
                last = waiting.popleft()
                yield self._window(last, picked, kept, newest)
                first = self._pick(waiting[0])[0] if waiting else math.inf
                kept = {index: frame for index, frame in kept.items() if index >= first}

    def _use(self, frame_index: FrameIndex) -> None:
        self.times, self.duration = frame_index.times, frame_index.duration
        clip_seconds = self._contract.sampling.clip_seconds
        self.starts = sliding_starts(duration=self.duration, clip_seconds=clip_seconds, step_seconds=self._step)

    def _choose(self, frame_index: FrameIndex) -> list[int]:
        self._use(frame_index)
        return sorted({index for start in self.starts for index in self._pick(start)})

    def _window(
        self, start: float, picked: list[int], kept: dict[int, npt.NDArray[np.uint8]], picture: npt.NDArray[np.uint8]
    ) -> Window:
        return Window(
            start=start,
            end=start + self._contract.sampling.clip_seconds,
            frames=np.stack([kept[index] for index in picked], axis=-4),
            timestamps=np.array([self.times[index] for index in picked]),
            picture=picture,
        )

    def _pick(self, start: float) -> list[int]:
        return pick_frames(self.times, start=start, contract=self._contract)


class FileSource:
    """Records of every window of a file, none dropped, decoded one ahead of the model."""

    connected = True
    picture_state: PictureState = "ok"

    def __init__(self, windows: FileWindows, classify: Classify, *, motion: float) -> None:
        self._windows, self._classify, self._repeats = windows, classify, Repeats(motion=motion)
        self._stopping = False
        self.picture: npt.NDArray[np.uint8] | None = None

    @property
    def total(self) -> int:
        """How many records there will be."""
        return len(self._windows.starts)

    @property
    def duration(self) -> float:
        """Length of the video in seconds; final when the last record is out."""
        return self._windows.duration

    def stop(self) -> None:
        """End the iteration, also one that is waiting for a frame, in 0.1 s."""
        self._stopping = True

    def close(self) -> None:
        """Let go of the file; its thread has ended with `records`, in 0.1 s and as long as decoding one frame takes."""
        self._windows.close()

    def _next(self, decoded: Generator[Window | None, None, None]) -> Window | None:
        try:
            with cancellable(lambda: self._stopping):
                raise_if_cancelled()
                return next(decoded)
        except CancelledError:
            if not self._stopping:
                raise
            return None

    def records(self) -> Generator[Record, None, None]:
        """Ends with the file, or when stopped."""
        windows = iter(self._windows)
        with closing(map_ahead(lambda _: next(windows, None), itertools.repeat(None), threads=1)) as decoded:
            while (window := self._next(decoded)) is not None:
                self.picture = window.picture
                prediction, is_repeated = self._repeats.answer(window.as_clips(), self._classify)
                yield Record(
                    prediction=prediction,
                    window=(window.start, window.end),
                    time=datetime.now(timezone.utc),
                    lag_seconds=0.0,
                    dropped_frames=0,
                    dropped_windows=0,
                    gap_seconds=0.0,
                    picture=window.picture,
                    repeated=is_repeated,
                )
