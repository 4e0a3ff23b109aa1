"""What is known now: of the model, of each camera, of the newest events. What happens is put up here, and what the
page and the metrics show is read off here. No I/O; any thread may call anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vidcls.contract import OperatingPoint
from vidcls.temporal.record import Record
from vidcls.watch.camera_facts import CameraFacts, Counters, PictureState
from vidcls.watch.event import CameraEvent

MAX_EVENTS = 200

Picture: TypeAlias = npt.NDArray[np.uint8]
Box: TypeAlias = tuple[int, int, int, int]
# (width, height) of a picture -> what the model looks at in it: (left, top, right, bottom) in pixels each.
Boxes: TypeAlias = Callable[[int, int], Sequence[Box]]


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What the page says of the model.

    operating_points: as in `decision.operating_points`, by label. none_label: as in `decision`.
    """

    file: str = ""
    device: str = ""
    precision: str = ""
    operating_points: Mapping[str, OperatingPoint | None] = field(default_factory=dict)
    none_label: str | None = None


class Board:
    """Args:
    labels: the model's, in class-id order.
    camera_names: in the order in which the page shows them.
    model: what else there is to say of it.
    temperature: of the machine, in degrees Celsius; None where nobody knows. Asked for at each state.
    clock: monotonic seconds.
    """

    def __init__(
        self,
        labels: Sequence[str],
        camera_names: Sequence[str],
        *,
        model: ModelFacts | None = None,
        temperature: Callable[[], float | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.labels, self.camera_names = tuple(labels), tuple(camera_names)
        self._model = _model(self.labels, model or ModelFacts())
        self._temperature, self._clock, self._began = temperature, clock, clock()
        self._lock = threading.Lock()
        self._cameras = {name: CameraFacts(name) for name in camera_names}
        self._events: dict[str, CameraEvent] = {}  # by id, in the order in which they came
        self._marked: dict[str, str | None] = {}
        self._pictures: dict[str, Callable[[], Picture | None]] = {}
        self._boxes: dict[str, Boxes] = {}
        self._started = datetime.now(timezone.utc)
        self._events_version = 0
        self._alive: float | None = None
        self._unanswered_since: float | None = None
        self.given_up: Mapping[str, int] = {}  # {receiver: how many finished events it is not sent any more}

    def put_alive(self) -> None:
        """The loop turned, whether or not an answer came; /healthz says so."""
        self._alive = self._seconds()

    def put_record(self, camera: str, record: Record) -> None:
        """An answer came."""
        now = self._seconds()
        with self._lock:
            self._cameras[camera].put_record(record, now=now)
        self._alive, self._unanswered_since = now, None

    def put_unanswered(self, is_unanswered: bool) -> None:
        """Whether the model owes an answer to what any camera has shown; one model answers all of them."""
        if not is_unanswered:
            self._unanswered_since = None
        elif self._unanswered_since is None:
            self._unanswered_since = self._seconds()

    def put_connected(self, camera: str, connected: bool) -> None:
        """Whether pictures come in."""
        with self._lock:
            self._cameras[camera].put_connected(connected)

    def put_picture_state(self, camera: str, state: PictureState) -> None:
        """Whether the pictures that come in show anything new."""
        with self._lock:
            self._cameras[camera].picture_state = state

    def put_given_up(self, given_up: Mapping[str, int]) -> None:
        """How many finished events each receiver did not take, and is not sent any more."""
        self.given_up = dict(given_up)

    def put_event(self, event: CameraEvent) -> None:
        """An event began or ended; it takes the place of one with the same id, but never a final one's back."""
        with self._lock:
            before = self._events.get(event.id)
            is_final = before is not None and before.state == "final"
            if is_final and event.state == "provisional":
                return
            if event.state == "final" and not is_final:
                self._cameras[event.camera].count_event(event.label)
            self._put(event)

    def restore_event(self, event: CameraEvent) -> None:
        """List an event of before the start of this program, which counts nowhere."""
        with self._lock:
            self._put(event)

    def set_marked(self, event_id: str, label: str | None) -> None:
        """Someone said that the event was wrong: it shows `label`, or none of them."""
        with self._lock:
            if event_id in self._events:
                self._marked[event_id] = label
                self._events_version += 1

    def set_picture_source(self, camera: str, picture: Callable[[], Picture | None]) -> None:
        """What gives the newest frame, uint8 RGB [H, W, 3]; None where there is none. Any thread may call it."""
        self._pictures[camera] = picture

    def set_boxes(self, camera: str, boxes: Boxes) -> None:
        """What says where in a picture the model looks."""
        self._boxes[camera] = boxes

    def picture(self, camera: str) -> Picture | None:
        """The newest frame of a camera, uint8 RGB [H, W, 3]; else that of its newest answer, else None."""
        newest = self._pictures.get(camera, lambda: None)()
        record = self.record(camera)
        return newest if newest is not None or record is None else record.picture

    def boxes(self, camera: str, *, width: int, height: int) -> Sequence[Box]:
        """Where in a picture of that size the model looks; empty where that is all of it."""
        boxes = self._boxes.get(camera)
        return () if boxes is None else boxes(width, height)

    def record(self, camera: str) -> Record | None:
        """The newest answer of a camera."""
        with self._lock:
            return self._cameras[camera].record

    def is_connected(self, camera: str) -> bool:
        """Whether pictures come in."""
        with self._lock:
            return self._cameras[camera].connected

    def counters(self, camera: str) -> Counters:
        """Sums and newest values of a camera."""
        with self._lock:
            return self._cameras[camera].counters()

    def history(self, camera: str) -> dict[str, list[Any]]:
        """The last ten minutes, oldest first.

        Points are [seconds since 1970, {label: probability}], of the five best; beside them are the seconds since the
        start at which they were, which no setting of the machine's clock changes.
        """
        with self._lock:
            return self._cameras[camera].history()

    def live(self) -> dict[str, Any]:
        """What changes: cameras, machine, and a number that changes with the list of events."""
        now, temperature = self._seconds(), self._temperature()
        with self._lock:
            going = [self._told(event) for event in self._events.values() if event.state == "provisional"]
            cameras = [
                {**camera.state(now=now), "going": [event for event in going if event["camera"] == camera.name]}
                for camera in self._cameras.values()
            ]
            return {
                "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
                "started": self._started.isoformat(timespec="milliseconds"),
                "uptime_seconds": round(now, 2),
                "events_version": self._events_version,
                "machine": {"temperature": None if temperature is None else round(temperature, 1)},
                "unanswered_seconds": round(self.seconds_unanswered(), 1),
                "cameras": cameras,
            }

    def state(self) -> dict[str, Any]:
        """What is known, JSON-ready: `live`, and the model."""
        return {**self.live(), "model": self._model}

    def events(self, limit: int, *, before: str | None = None) -> list[dict[str, object]]:
        """The newest events, newest first, as `CameraEvent.to_dict` gives them and with `marked`, a dict or None.

        Newest is what came last, since the machine's clock may have been set back meanwhile.

        before: the id of an event; only those that came before it.
        """
        with self._lock:
            ids = list(reversed(self._events))
            first = ids.index(before) + 1 if before in ids else 0
            return [self._told(self._events[event_id]) for event_id in ids[first : first + limit]]

    def event(self, event_id: str) -> CameraEvent | None:
        """The event with this id, while it is among the newest."""
        with self._lock:
            return self._events.get(event_id)

    def seconds_since_alive(self) -> float | None:
        """How long ago the loop turned; None before it did."""
        return None if self._alive is None else self._seconds() - self._alive

    def seconds_unanswered(self) -> float:
        """For how long the model has owed an answer, and given none of any camera; 0 where it owes none."""
        since = self._unanswered_since
        return 0.0 if since is None else self._seconds() - since

    def is_answered(self) -> bool:
        """Whether the model has answered anything yet."""
        with self._lock:
            return any(camera.record is not None for camera in self._cameras.values())

    def _seconds(self) -> float:
        """Since the start, however the machine's clock is set meanwhile."""
        return self._clock() - self._began

    def _put(self, event: CameraEvent) -> None:
        self._events[event.id] = event
        self._events_version += 1
        for event_id in list(self._events)[: max(0, len(self._events) - MAX_EVENTS)]:
            if self._events[event_id].state == "final":
                del self._events[event_id]
                self._marked.pop(event_id, None)

    def _told(self, event: CameraEvent) -> dict[str, object]:
        is_marked = event.id in self._marked
        return {**event.to_dict(), "marked": {"label": self._marked[event.id]} if is_marked else None}


def _model(labels: tuple[str, ...], facts: ModelFacts) -> dict[str, object]:
    points = {label: asdict(point) for label, point in facts.operating_points.items() if point is not None}
    return {
        "file": facts.file,
        "device": facts.device,
        "precision": facts.precision,
        "labels": [label for label in labels if label != facts.none_label],
        "operating_points": points,
    }
