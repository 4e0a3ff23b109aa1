"""One camera's answers -> its events, each with an id that stays the same from its beginning to its end."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator

from vidcls.temporal.events import Event, EventSteps
from vidcls.temporal.record import Record
from vidcls.watch.event import CameraEvent
from vidcls.watch.settings import CameraSettings


class CameraEvents:
    """Takes a camera's records one by one; hands out each event when it begins and when it has ended.

    Raises:
        ValueError: a score or a time of the camera's settings is out of its range.
    """

    def __init__(self, settings: CameraSettings) -> None:
        self._camera, self._labels = settings.name, settings.labels
        self._steps = EventSteps(
            enter_score=settings.enter_score,
            leave_score=settings.leave_score,
            least_seconds=settings.least_seconds,
        )
        self._ids: dict[str, str] = {}  # of the events that go on, by label; of one label there is one at a time

    def add(self, record: Record) -> list[CameraEvent]:
        """The events that begin or end with the next record."""
        return list(self._told(self._steps.add(record)))

    def finish(self) -> list[CameraEvent]:
        """The events that went on until now, ended with the last record."""
        return list(self._told(self._steps.finish()))

    def _told(self, events: Iterable[Event]) -> Iterator[CameraEvent]:
        for event in events:
            if self._labels is None or event.label in self._labels:
                yield self._camera_event(event)

    def _camera_event(self, event: Event) -> CameraEvent:
        known = self._ids.get(event.label) or uuid.uuid4().hex
        if event.end is None:
            self._ids[event.label] = known
        else:
            self._ids.pop(event.label, None)
        return CameraEvent(
            id=known,
            camera=self._camera,
            label=event.label,
            state=event.state,
            start=event.start_time,
            end=event.end_time,
            start_seconds=event.start,
            end_seconds=event.end,
            peak_score=event.peak_score,
            mean_score=event.mean_score,
            detection_delay=event.detection_delay,
            coverage=event.coverage,
        )
