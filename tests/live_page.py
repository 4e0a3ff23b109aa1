"""The page of `vidcls watch` without a camera or a model: a made-up room, answers and events.

python tests/live_page.py [--port 8000] [--cameras 1]
"""

from __future__ import annotations

import argparse
import shutil
import signal
import tempfile
import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np

from answered import answered_record
from vidcls import Record
from vidcls.contract import NEUTRAL, OperatingPoint
from vidcls.watch.board import Board, ModelFacts
from vidcls.watch.event import CameraEvent
from vidcls.watch.page.server import WatchPage
from vidcls.watch.settings import PageSettings

LABELS = ("walk", "sit down", "wave", "fall", "stand up", "pick something up")
POINTS = {"fall": OperatingPoint(probability=0.71, precision=0.93, recall=0.81)}
DECISION = replace(NEUTRAL, operating_points={label: POINTS.get(label) for label in LABELS})
WIDTH, HEIGHT = 1280, 720
CYCLE = 150.0  # seconds after which the person does it all again
# (until, label, how much of the probability it takes): what the model says, second by second of a cycle.
SCRIPT = [
    (40, "walk", 0.86),
    (52, "sit down", 0.71),
    (74, "wave", 0.66),
    (104, "walk", 0.81),
    (117, "fall", 0.92),
    (126, "stand up", 0.62),
    (150, "walk", 0.84),
]


def said(second: float) -> tuple[str, float]:
    """The label of a moment, and how sure the model is."""
    return next((label, score) for until, label, score in SCRIPT if second % CYCLE < until)


def probabilities(second: float) -> np.ndarray:
    """Of LABELS, as a model might give them: steady, with some flicker, and slow at the borders."""
    rows = []
    for before in np.arange(8) * 0.4:
        label, score = said(second - before)
        row = np.full(len(LABELS), (1 - score) / (len(LABELS) - 1))
        row[LABELS.index(label)] = score
        rows.append(row)
    phases = np.arange(len(LABELS)) * 1.7
    flicker = np.exp(0.35 * np.sin(second / 2.3 + phases) + 0.35 * np.sin(second / 0.9 + 3 * phases))
    mixed = np.mean(rows, axis=0) * flicker
    return np.asarray(mixed / mixed.sum())


@cache
def room(hue: int) -> np.ndarray:
    """An empty room, uint8 RGB."""
    wall = np.linspace(150, 215, WIDTH, dtype=np.float32)[None, :, None] * np.array([1.0, 0.97, 0.9], np.float32)
    picture = np.repeat(wall, HEIGHT, axis=0).astype(np.uint8)
    picture = np.roll(picture, hue, axis=2)
    picture[500:] = (picture[500:] * 0.62).astype(np.uint8)
    cv2.rectangle(picture, (860, 110), (1110, 330), (226, 240, 250), -1)
    cv2.rectangle(picture, (860, 110), (1110, 330), (90, 80, 70), 8)
    cv2.line(picture, (985, 110), (985, 330), (90, 80, 70), 6)
    cv2.rectangle(picture, (90, 400), (360, 520), (110, 82, 60), -1)
    cv2.rectangle(picture, (90, 380), (360, 405), (140, 106, 78), -1)
    return cv2.GaussianBlur(picture, (0, 0), 1.2)


def scene(background: np.ndarray, second: float) -> np.ndarray:
    """The room with somebody in it, uint8 RGB."""
    picture = background.copy()
    label, _ = said(second)
    x = int(640 + 260 * np.sin(2 * np.pi * second / 30))
    fallen = label == "fall"
    hip, head = ((x, 600), (x + 170, 612)) if fallen else ((x, 500), (x, 350 if label != "sit down" else 390))
    swing = int(60 * np.sin(2 * np.pi * second * (0.9 if label in ("walk", "wave") else 0.1)))
    feet = [(x - 150, 620), (x - 130, 590)] if fallen else [(x - swing, 640), (x + swing, 640)]
    shoulder = tuple(int(0.25 * a + 0.75 * b) for a, b in zip(hip, head, strict=True))
    hand = (
        (shoulder[0] + 90, shoulder[1] - 40 - abs(swing))
        if label == "wave"
        else (shoulder[0] + swing, shoulder[1] + 120)
    )
    for foot in feet:
        cv2.line(picture, hip, foot, (42, 50, 80), 34, cv2.LINE_AA)
    cv2.line(picture, hip, shoulder, (176, 60, 50), 62, cv2.LINE_AA)
    cv2.line(picture, shoulder, hand, (176, 60, 50), 24, cv2.LINE_AA)
    cv2.circle(picture, head, 40, (222, 180, 150), -1, cv2.LINE_AA)
    return np.asarray(picture)


@cache
def clip(hue: int, *, start: float, seconds: float) -> bytes:
    """What was seen then, as a small WebM video for browsers."""
    written = BytesIO()
    with av.open(written, "w", format="webm") as file:
        stream = file.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.bit_rate = 500_000
        stream.options = {"deadline": "realtime", "cpu-used": "8"}
        for number in range(int(seconds * 10)):
            small = cv2.resize(scene(room(hue), start + number / 10), (640, 360), interpolation=cv2.INTER_AREA)
            frame = av.VideoFrame.from_ndarray(small.astype(np.uint8), format="rgb24")
            for packet in stream.encode(frame):
                file.mux(packet)
        file.mux(stream.encode())
    return written.getvalue()


class Show:
    """A board that is filled as time goes by, or as a test says. zero: the moment at which the scripts begin."""

    def __init__(self, folder: Path, *, cameras: int = 1, clip_seconds: float = 2.0) -> None:
        self._clip_seconds = clip_seconds
        self.names = ["living-room", "kitchen", "hall", "garage", "door", "garden", "cellar", "attic"][:cameras]
        model = ModelFacts(file="falls.onnx", device="cpu", precision="int8", operating_points=POINTS)
        self._behind = 0.0  # seconds by which `fill` is in the past
        clock = lambda: time.monotonic() - self._behind  # noqa: E731
        self.board = Board(LABELS, self.names, model=model, temperature=lambda: 54.2, clock=clock)
        self.clips, self.marks = folder / "clips", folder / "feedback"
        self.clips.mkdir()
        self.rooms = {name: room(number) for number, name in enumerate(self.names)}
        self.zero = datetime.now(timezone.utc)
        self._going: dict[str, CameraEvent] = {}
        for name in self.names:
            self.board.set_picture_source(name, lambda name=name: self.picture(name))  # type: ignore[misc]
            self.board.set_boxes(
                name, lambda width, height: [((width - height) // 2, 0, (width + height) // 2, height)]
            )

    def second(self, camera: str, at: datetime) -> float:
        """Of the camera's script."""
        return (at - self.zero).total_seconds() + 11.0 * self.names.index(camera) + 40 * CYCLE

    def picture(self, camera: str) -> np.ndarray:
        """What the camera sees now."""
        now = datetime.now(timezone.utc)
        return scene(self.rooms[camera], self.second(camera, now))

    def record(self, camera: str, at: datetime) -> Record:
        """What the model says of it."""
        second = self.second(camera, at)
        found = answered_record(np.log(probabilities(second)), labels=LABELS, decision=DECISION, start=second)
        found.prediction.timing_ms["inference"] = 180.0
        return replace(found, time=at, lag_seconds=0.35)

    def fill(self, seconds: float, *, clock_ahead: timedelta = timedelta(0)) -> None:
        """What would have been put up in the last so many seconds, if the clock had been so far ahead then."""
        now = datetime.now(timezone.utc) + clock_ahead
        for step in range(int(seconds * 2), 0, -1):
            self._behind = step / 2
            self.turn(now - timedelta(seconds=self._behind))
        self._behind = 0.0

    def turn(self, at: datetime) -> None:
        """One answer of each camera, and what follows from it."""
        self.board.put_alive()
        for camera in self.names:
            self.board.put_record(camera, self.record(camera, at))
            self.board.put_connected(camera, True)
            self._turn_event(camera, at)

    def _turn_event(self, camera: str, at: datetime) -> None:
        label, score = said(self.second(camera, at))
        going = self._going.get(camera)
        if going is None and label == "fall":
            self.begin(camera, label, at)
        elif going is not None and label != "fall":
            self.end(camera, at, peak=0.8 + 0.15 * score)

    def begin(self, camera: str, label: str, at: datetime) -> CameraEvent:
        """An event begins."""
        event = CameraEvent(
            id=f"{camera}-{at.timestamp():.0f}",
            camera=camera,
            label=label,
            state="provisional",
            start=at,
            end=None,
            start_seconds=self.second(camera, at),
            end_seconds=None,
            peak_score=0.78,
            mean_score=0.7,
            detection_delay=1.1,
            coverage=1.0,
        )
        self._going[camera] = event
        self.board.put_event(event)
        return event

    def end(self, camera: str, at: datetime, *, peak: float = 0.94) -> CameraEvent:
        """It ends, and its clip is there."""
        event = self._going.pop(camera)
        name = f"{event.id}.webm"
        # One for all events of a camera, since that of each would take long to encode.
        (self.clips / name).write_bytes(clip(self.names.index(camera), start=102.0, seconds=self._clip_seconds))
        event = replace(
            event,
            state="final",
            end=at,
            end_seconds=self.second(camera, at),
            peak_score=peak,
            mean_score=0.82,
            clip=name,
        )
        self.board.put_event(event)
        return event

    def clip_path(self, name: str) -> Path | None:
        """A clip of ours."""
        return next((path for path in self.clips.glob("*.webm") if path.name == name), None)

    def mark(self, event_id: str, label: str | None) -> None:
        """Copy the clip to its label's folder."""
        folder = self.marks / (label or "_none")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.clips / f"{event_id}.webm", folder)

    def page(self, settings: PageSettings) -> WatchPage:
        """The page of it."""
        return WatchPage(settings, self.board, clip_path=self.clip_path, mark=self.mark)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--token")
    parser.add_argument("--cameras", type=int, default=1)
    options = parser.parse_args()
    over = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: over.set())
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with tempfile.TemporaryDirectory() as folder:
        show = Show(Path(folder), cameras=options.cameras, clip_seconds=14.0)
        show.fill(600)
        page = show.page(PageSettings(host=options.host, port=options.port, token=options.token))
        print(page.start(), flush=True)  # noqa: T201
        while not over.wait(0.5):
            show.turn(datetime.now(timezone.utc))
        begun = time.monotonic()
        page.close()
        print(f"closed in {time.monotonic() - begun:.2f} s")  # noqa: T201


if __name__ == "__main__":
    main()
