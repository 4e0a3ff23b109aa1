"""A whole file, window by window, as fast as the model takes them: none dropped, in flat memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from vidcls.clips import SampledClips
from vidcls.contract import Contract
from vidcls.prediction import Prediction
from vidcls.prefetch import map_ahead
from vidcls.preprocessing import crop_frame
from vidcls.sampling import duration_seconds
from vidcls.temporal.record import Record
from vidcls.temporal.windows import Window, pick_frames, sliding_starts
from vidcls.video.reader import iter_frames, read_times
from vidcls.video.source import VideoSource


class FileWindows:
    """The windows of a whole file, in order; iterate once.

    Every frame is decoded, resized and cropped at most once, however many windows it is in, and kept
    only while a window needs it, so memory does not grow with the file (but for the list of its
    frames' times).

    duration: seconds. starts: where its windows start, in seconds.
    """

    def __init__(self, source: VideoSource, contract: Contract, *, step_seconds: float) -> None:
        """Go through the file once for its frames' times.

        Raises:
            VideoError: the video cannot be opened or decoded; also while iterating.
        """
        self._source, self._contract = source, contract
        self.times = read_times(source)
        self.duration = duration_seconds(self.times)
        clip_seconds = contract.sampling.clip_seconds
        self.starts = sliding_starts(duration=self.duration, clip_seconds=clip_seconds, step_seconds=step_seconds)

    def __iter__(self) -> Iterator[Window]:
        clip_seconds = self._contract.sampling.clip_seconds
        wanted = sorted({index for start in self.starts for index in self._pick(start)})
        upcoming = zip(wanted, iter_frames(self._source, wanted), strict=True)
        cropped: dict[int, npt.NDArray[np.uint8]] = {}
        newest, picture = -1, np.empty((0, 0, 3), np.uint8)
        for start in self.starts:
            picked = self._pick(start)
            cropped = {index: frame for index, frame in cropped.items() if index >= picked[0]}
            while newest < picked[-1]:
                newest, picture = next(upcoming)
                cropped[newest] = crop_frame(picture, self._contract.image, crops=1)[0]
            yield Window(
                start=start,
                end=start + clip_seconds,
                frames=np.stack([cropped[index] for index in picked]),
                timestamps=np.array([self.times[index] for index in picked]),
                picture=picture,
            )

    def _pick(self, start: float) -> list[int]:
        return pick_frames(self.times, start=start, contract=self._contract)


class FileSource:
    """Records of every window of a file, none dropped, decoded one ahead of the model."""

    connected = True

    def __init__(self, windows: FileWindows) -> None:
        self._windows = windows
        self._stopping = False
        self.total, self.duration = len(windows.starts), windows.duration
        self.picture: npt.NDArray[np.uint8] | None = None

    def stop(self) -> None:
        """Let the next record be none."""
        self._stopping = True

    def close(self) -> None:
        """The thread ends with `records`."""

    def records(self, classify: Callable[[SampledClips], Prediction]) -> Generator[Record, None, None]:
        """Ends with the file, or when stopped."""
        windows = iter(self._windows)
        with closing(map_ahead(lambda _: next(windows, None), itertools.repeat(None), threads=1)) as decoded:
            for window in decoded:
                if window is None or self._stopping:
                    return
                self.picture = window.picture
                yield Record(
                    prediction=classify(window.as_clips()),
                    window=(window.start, window.end),
                    time=datetime.now(UTC),
                    lag_seconds=0.0,
                    dropped_frames=0,
                    dropped_windows=0,
                    gap_seconds=0.0,
                    picture=window.picture,
                )
