"""An event of one camera as file, web hook, broker and page say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class CameraEvent:
    """An event, provisional while it goes on, then final; the same id both times.

    start, end: by this machine's clock, in UTC, the end as `vidcls.Event` has it; None while it goes on.
    start_seconds, end_seconds: media time, seconds after the stream's first frame. The rest is as in `vidcls.Event`.
    clip: file name in the clips' folder. cut_short: whether the program was killed while it went on; its end is then
    the last moment that is known of it.
    """

    id: str
    camera: str
    label: str
    state: Literal["provisional", "final"]
    start: datetime
    end: datetime | None
    start_seconds: float
    end_seconds: float | None
    peak_score: float
    mean_score: float
    detection_delay: float
    coverage: float
    clip: str | None = None
    cut_short: bool = False

    def to_dict(self) -> dict[str, object]:
        """It, as JSON takes it; times as ISO 8601 with milliseconds."""
        return {
            "id": self.id,
            "camera": self.camera,
            "label": self.label,
            "state": self.state,
            "start": self.start.isoformat(timespec="milliseconds"),
            "end": None if self.end is None else self.end.isoformat(timespec="milliseconds"),
            "start_seconds": round(self.start_seconds, 3),
            "end_seconds": None if self.end_seconds is None else round(self.end_seconds, 3),
            "peak_score": round(self.peak_score, 4),
            "mean_score": round(self.mean_score, 4),
            "detection_delay": round(self.detection_delay, 3),
            "coverage": round(self.coverage, 4),
            "clip": self.clip,
            "cut_short": self.cut_short,
        }


def read_event(fields: Mapping[str, Any]) -> CameraEvent:
    """The event that `to_dict` gave.

    Raises:
        ValueError, TypeError, KeyError: it is none.
    """
    end = fields["end"]
    times = {
        "start": datetime.fromisoformat(fields["start"]),
        "end": None if end is None else datetime.fromisoformat(end),
    }
    event = CameraEvent(**{**fields, **times})
    if not all(isinstance(text, str) and text for text in (event.id, event.camera, event.label)):
        raise TypeError("id, camera and label are texts")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", event.camera):
        raise ValueError("the camera's name is none that a camera can have")
    if any(time is not None and time.tzinfo is None for time in (event.start, event.end)):
        raise ValueError("its times say no zone")
    return event
