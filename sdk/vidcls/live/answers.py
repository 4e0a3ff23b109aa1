"""What the model says of the windows of one live source, one after the other."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

from vidcls.live.pictures import PictureState, PictureWatch
from vidcls.live.repeats import Classify, Repeats
from vidcls.live.window_buffer import CapturedWindow
from vidcls.temporal.record import Record


class Answers:
    """Windows -> records; what is shown again is answered again, and black or frozen pictures are logged.

    name: of the source, for the log. motion: see `Repeats`.
    """

    def __init__(self, name: str, classify: Classify, *, motion: float) -> None:
        self._classify, self._repeats, self._pictures = classify, Repeats(motion=motion), PictureWatch(name)

    @property
    def picture_state(self) -> PictureState:
        """Whether the pictures so far are black or frozen."""
        return self._pictures.state

    def record(self, captured: CapturedWindow) -> Record:
        """The answer to a window that has just been taken."""
        window = captured.window
        self._pictures.add(window.end, window.picture, gap_seconds=captured.gap_seconds)
        prediction, is_repeated = self._repeats.answer(window.as_clips(), self._classify)
        lag = time.monotonic() - captured.captured
        return Record(
            prediction=prediction,
            window=(window.start, window.end),
            time=datetime.now(timezone.utc) - timedelta(seconds=lag),
            lag_seconds=lag,
            dropped_frames=captured.dropped_frames,
            dropped_windows=captured.dropped_windows,
            gap_seconds=captured.gap_seconds,
            picture=window.picture,
            repeated=is_repeated,
        )
