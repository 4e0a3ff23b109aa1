"""`vidcls watch`, top to bottom: a model and cameras -> events, written down, and told to whoever is to know."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from vidcls.classifier import VideoClassifier
from vidcls.clips import check_views
from vidcls.contract import Image
from vidcls.errors import ArgumentError
from vidcls.preprocessing import crop_boxes
from vidcls.region import Region
from vidcls.watch.board import Board, Box, ModelFacts
from vidcls.watch.cameras import CameraEvents
from vidcls.watch.clips import ClipRecorder
from vidcls.watch.event import CameraEvent
from vidcls.watch.feedback import mark
from vidcls.watch.health import model_problems
from vidcls.watch.journal import MAX_BYTES, Entry, Journal
from vidcls.watch.lock import only_one, only_writer
from vidcls.watch.machine import temperature_celsius
from vidcls.watch.page.server import WatchPage
from vidcls.watch.receivers import Receivers, receiver_names
from vidcls.watch.recording import Recording
from vidcls.watch.settings import PageSettings, WatchSettings
from vidcls.watch.sources import Sources
from vidcls.watch.unended import Unended

_logger = logging.getLogger("vidcls")

# How often the loop asks whether it is to end, and how often it looks after what changes slowly.
POLL_SECONDS, TICK_SECONDS, PACE_SECONDS = 0.2, 1.0, 10.0
# What the last events have to reach a web hook and a broker.
LAST_SECONDS = 5.0
# Events of before the start that the page lists.
LISTED = 100


def run(settings: WatchSettings, *, is_stopped: Callable[[], bool], on_ready: Callable[[str], None]) -> None:
    """Watch until it is stopped, or the last source has ended.

    The events that go on then end, are written down, and have LAST_SECONDS to reach everyone.

    Args:
        settings: everything that decides what it does.
        is_stopped: asked all the time.
        on_ready: called once, with the page's address, when all has begun; "" where there is no page.

    Raises:
        ValueError: a setting does not fit the model, or another process has the state's folder.
        ModelError, DeviceError: the model cannot be used.
        OSError: the state or the events cannot be written.
    """
    with ExitStack() as opened:
        opened.enter_context(only_one(settings.state))
        if settings.events is not None:
            opened.enter_context(only_writer(settings.events))
        classifier = VideoClassifier(settings.model, device=settings.device, engine=settings.engine)  # type: ignore[arg-type]
        labels = told_labels(settings, classifier)
        journal = Journal(
            settings.events or settings.state / "events.jsonl",
            positions=settings.state / "positions",
            receivers=receiver_names(settings),
            max_bytes=MAX_BYTES if settings.events is None else None,
        )
        board = _board(settings, classifier, journal)
        receivers = Receivers(settings, journal, labels=labels)
        opened.callback(receivers.close)
        sources = Sources(classifier, settings.cameras)
        opened.callback(sources.close)
        recorder = None if settings.clips is None else ClipRecorder(settings.clips)
        recording = None if recorder is None else _recording(recorder, sources)
        if recording is not None:
            opened.callback(recording.close)
        url = "" if settings.page is None else opened.enter_context(_page(settings.page, settings, board, recorder))
        loop = _Loop(settings, board=board, journal=journal, receivers=receivers, sources=sources, recording=recording)
        opened.callback(loop.finish)
        on_ready(url)
        loop.run(is_stopped)


def told_labels(settings: WatchSettings, classifier: VideoClassifier) -> Mapping[str, tuple[str, ...]]:
    """{camera: the labels of which events are told}, in the model's order.

    Raises:
        ValueError: the model has no such label, or cannot take three crops.
    """
    none = classifier.contract.decision.none_label
    known = tuple(label for label in classifier.labels if label != none)
    found = {}
    for camera in settings.cameras:
        for label in camera.labels or ():
            if label not in known:
                raise ArgumentError(
                    f"camera {camera.name}: the model has no label {label!r}; vidcls info lists those it has"
                )
        try:
            check_views(classifier.contract, views=1, crops=camera.crops, region=camera.region)
        except ArgumentError as error:
            raise ArgumentError(f"camera {camera.name}: {error}") from None
        found[camera.name] = (
            known if camera.labels is None else tuple(label for label in known if label in camera.labels)
        )
    return found


class _Loop:
    """One thread that takes every answer, and tells what follows from it."""

    def __init__(
        self,
        settings: WatchSettings,
        *,
        board: Board,
        journal: Journal,
        receivers: Receivers,
        sources: Sources,
        recording: Recording | None,
    ) -> None:
        self._board, self._journal, self._receivers, self._sources = board, journal, receivers, sources
        self._recording = recording
        self._unended = Unended(settings.state / "unended.json")
        self._events = {camera.name: CameraEvents(camera) for camera in settings.cameras}
        self._going: dict[str, dict[str, str]] = {name: {} for name in self._events}  # {camera: {event's id: label}}
        self._windows = dict.fromkeys(self._events, 0)
        self._next_tick = self._next_pace = 0.0
        self._hangs = False  # the model
        for name in self._events:
            board.set_picture_source(name, lambda name=name: sources.picture(name))  # type: ignore[misc]

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Until that says so, or the last source has ended."""
        self._write_left()
        while not is_stopped():
            has_ended = self._sources.has_ended  # asked first: what came before the end is taken before it
            found = self._sources.next(seconds=0.0 if has_ended else POLL_SECONDS)
            if found is not None:
                camera, record = found
                self._board.put_record(camera, record)
                self._board.put_connected(camera, self._sources.connected(camera))
                self._tell(self._events[camera].add(record))
            elif has_ended:
                return
            self._tick()

    def finish(self) -> None:
        """End what goes on, and give the receivers the time they have for it; returns at once."""
        self._sources.stop()
        for events in self._events.values():
            self._tell(events.finish())
        for camera in self._events:
            self._receivers.show_connection(camera, is_connected=False)
        if self._recording is not None:
            self._recording.end()
        if self._journal.unwritten:
            left = "wait, and are written at the next start" if self._unended.is_written else "are lost"
            _logger.error("%d finished events could not be written down and %s", self._journal.unwritten, left)
        self._receivers.end(seconds=LAST_SECONDS)

    def _tell(self, events: list[CameraEvent]) -> None:
        for event in events:
            going = self._going[event.camera]
            if event.state == "provisional":
                going[event.id] = event.label
                self._unended.begin(event, last=self._board.record(event.camera))
                if self._recording is not None:
                    self._recording.begin(event)
                self._board.put_event(event)
                self._receivers.tell_begun(event)
            else:
                going.pop(event.id, None)
                event = event if self._recording is None else self._recording.save(event)  # noqa: PLW2901
                self._unended.finish(event)
                self._tell_final(self._journal.append(event))
                self._board.put_event(event)
            self._receivers.show_going(event.camera, tuple(going.values()))

    def _tell_final(self, written: list[Entry]) -> None:
        """Of finished events that are in the journal now."""
        self._receivers.tell_final(written)
        self._unended.written(entry.id for entry in written)

    def _write_left(self) -> None:
        """Write the ends that an earlier start did not: what a kill cut short, and what the disk did not take."""
        for event in self._unended.left():
            if self._journal.has(event.id):
                self._unended.written([event.id])
                continue
            self._tell_final(self._journal.append(event))
            if event.camera in self._events:
                self._board.restore_event(event)

    def _tick(self) -> None:
        """What changes without an answer: connections, and who is reached again."""
        self._board.put_alive()
        self._receivers.tick()
        now = time.monotonic()
        if now < self._next_tick:
            return
        self._next_tick = now + TICK_SECONDS
        self._tell_final(self._journal.retry())
        self._board.put_given_up(self._receivers.given_up())
        self._board.put_unanswered(self._sources.is_due)
        self._say_whether_it_hangs()
        for camera, events in self._events.items():
            is_connected = self._sources.connected(camera)
            self._board.put_connected(camera, is_connected)
            self._board.put_picture_state(camera, self._sources.picture_state(camera))
            self._receivers.show_connection(camera, is_connected=is_connected)
            # What it showed before it was lost may be answered much later, and belongs to what went on then.
            if not is_connected and not self._sources.has_unanswered(camera):
                self._tell(events.finish())  # nobody knows how it goes on
        if now >= self._next_pace:
            self._show_pace(now)

    def _say_whether_it_hangs(self) -> None:
        """Once, of a model that does not answer; and once that it does again."""
        found = model_problems(self._board)
        if found and not self._hangs:
            _logger.error("%s", found[0])
        elif self._hangs and not found:
            _logger.warning("the model answers again")
        self._hangs = bool(found)

    def _show_pace(self, now: float) -> None:
        is_first, self._next_pace = self._next_pace == 0.0, now + PACE_SECONDS
        self._unended.go_on((camera, self._board.record(camera)) for camera in self._windows)
        for camera, before in self._windows.items():
            counters = self._board.counters(camera)
            self._windows[camera] = counters.windows
            if not is_first and counters.windows:
                rate = (counters.windows - before) / PACE_SECONDS
                self._receivers.show_pace(camera, lag_seconds=counters.lag_seconds, answers_per_second=rate)


def _board(settings: WatchSettings, classifier: VideoClassifier, journal: Journal) -> Board:
    contract = classifier.contract
    facts = ModelFacts(
        file=settings.model.name,
        device=classifier.device,
        precision=contract.model.precision,
        operating_points=contract.decision.operating_points or {},
        none_label=contract.decision.none_label,
    )
    names = [camera.name for camera in settings.cameras]
    board = Board(classifier.labels, names, model=facts, temperature=temperature_celsius)
    for camera in settings.cameras:
        board.set_boxes(camera.name, partial(_boxes, image=contract.image, crops=camera.crops, region=camera.region))
    for event in journal.recent(LISTED):
        if event.camera in names:
            board.restore_event(event)
    return board


def _boxes(width: int, height: int, *, image: Image, crops: int, region: Region | None) -> list[Box]:
    """Where in a picture of that size the model looks; none where that is all of it."""
    boxes = crop_boxes(width=width, height=height, image=image, crops=crops, region=region)
    return [box for box in boxes if box != (0, 0, width, height)]


def _recording(recorder: ClipRecorder, sources: Sources) -> Recording:
    sources.on_frame(recorder.add)
    return Recording(recorder)


@contextmanager
def _page(place: PageSettings, settings: WatchSettings, board: Board, recorder: ClipRecorder | None) -> Iterator[str]:
    """The page, at that address."""

    def mark_event(event_id: str, label: str | None) -> None:
        event = board.event(event_id)
        if event is None:
            raise ArgumentError("this event is no longer among those that can be marked")
        if settings.clips is None:
            raise ArgumentError("there are no clips to learn from; start vidcls watch with --clips DIR")
        mark(event, label=label, clips=settings.clips.folder, feedback=settings.feedback or settings.state / "feedback")

    clip_path: Callable[[str], Path | None] = (lambda _: None) if recorder is None else recorder.path
    page = WatchPage(place, board, clip_path=clip_path, mark=mark_event)
    try:
        yield page.start()
    finally:
        page.close()
