"""What the model says of one window of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.prediction import Prediction


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Record:
    """What the model says of one window of a stream.

    Examples:
        >>> with VideoClassifier("model.onnx").stream("clip.avi", pace="fastest") as records:
        ...     record = next(records)
        >>> record.window, record.dropped_frames, record.picture.shape
        ((0.0, 0.8), 0, (120, 160, 3))

    Attributes:
        prediction: the whole answer; its windows and timestamps are seconds after the stream's first frame.
        window: (start, end) in seconds after the stream's first frame.
        time: when the window ended, by this machine's clock, in UTC; at pace "fastest", when it was answered.
        lag_seconds: how old the answer is: from the window's end to now, as far as can be known: a delay that all
            frames of the last minute share cannot be seen, so it is a lower bound. 0.0 at pace "fastest".
        dropped_frames, dropped_windows: what came since the record before and was never classified, because
            the model was still busy. A frame counts as dropped if it was new in a window that was dropped,
            even where a later window overlaps it.
        gap_seconds: how long there was no picture since the record before, because the source was lost, or how much
            time nobody knows of, because the source's own times jumped; no window spans it.
        picture: uint8 RGB [H, W, 3], at full size, the newest frame when the window was complete.
        repeated: whether the model was not run, because it would have been shown the same as for the last answer.
    """

    prediction: Prediction
    window: tuple[float, float]
    time: datetime
    lag_seconds: float
    dropped_frames: int
    dropped_windows: int
    gap_seconds: float
    picture: npt.NDArray[np.uint8]
    repeated: bool = False

    @property
    def label(self) -> str:
        """The top-1 label.

        Examples:
            >>> record = next(VideoClassifier("model.onnx").stream("clip.avi", pace="fastest"))
            >>> record.label == record.prediction.label
            True
        """
        return self.prediction.label

    @property
    def score(self) -> float:
        """The top-1 label's probability.

        Examples:
            >>> record = next(VideoClassifier("model.onnx").stream("clip.avi", pace="fastest"))
            >>> record.score == record.prediction.score
            True
        """
        return self.prediction.score

    @property
    def known(self) -> bool:
        """False where the model's own rule says that the window shows none of the labels.

        Examples:
            >>> record = next(VideoClassifier("model.onnx").stream("clip.avi", pace="fastest"))
            >>> record.known == record.prediction.known
            True
        """
        return self.prediction.known

    def to_dict(self) -> dict[str, Any]:
        """All of it but the picture, ready for JSON; the window in media time, `time` as ISO 8601 in UTC.

        Examples:
            >>> record = next(VideoClassifier("model.onnx").stream("clip.avi", pace="fastest"))
            >>> list(record.to_dict())[:5]
            ['label', 'score', 'known', 'window', 'time']
        """
        return {
            "label": self.label,
            "score": self.score,
            "known": self.known,
            "window": list(self.window),
            "time": self.time.isoformat(timespec="milliseconds"),
            "lag_seconds": self.lag_seconds,
            "dropped_frames": self.dropped_frames,
            "dropped_windows": self.dropped_windows,
            "gap_seconds": self.gap_seconds,
            "repeated": self.repeated,
            "prediction": self.prediction.to_dict(),
        }

    def __repr__(self) -> str:
        start, end = self.window
        return (
            f"Record(label={self.label!r}, score={self.score:.4f}, known={self.known}, window=({start:.2f}, {end:.2f}))"
        )
