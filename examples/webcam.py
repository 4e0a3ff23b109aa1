"""Classify what a camera sees, live: python examples/webcam.py MODEL.onnx [--source 0] [--seconds 30]

--source is a camera's number, a stream's URL, or a file, which is played at its own pace and stands
in for the camera. Ends with q, Esc or Ctrl-C. Without a display it prints a line per prediction.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from collections import deque
from pathlib import Path

import click
import cv2
import numpy as np

from vidcls import Prediction, VidclsError, VideoClassifier
from vidcls.sampling import CLOCK_SECONDS, uniform_indices

WINDOW = "vidcls"
WIDTH = 640  # least width of the picture shown, px
GREEN = (60, 150, 40)  # BGR


class Camera:
    """A thread that keeps the newest frames of a source: the last `keep_seconds`, with their times."""

    def __init__(self, source: str, *, keep_seconds: float) -> None:
        is_file = Path(source).is_file()
        self._capture = cv2.VideoCapture(int(source) if source.isdecimal() and not is_file else source)
        if not self._capture.isOpened():
            raise click.ClickException(f"{source}: cannot be opened; name a camera's number, a file or a URL")
        self._paced = is_file
        self._keep_seconds = keep_seconds
        self._frames: deque[tuple[float, np.ndarray]] = deque()  # (monotonic seconds, BGR [H, W, 3])
        self._newest_time = -math.inf
        self._changed = threading.Condition()
        self.ended = threading.Event()  # set from outside to stop, or when no more frames will come
        # A daemon, so that a dead network stream cannot keep the program from ending.
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def newest(self, *, after: float) -> list[tuple[float, np.ndarray]]:
        """The frames kept, as soon as one is newer than `after`; [] if none comes within 0.1 s."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest_time > after or self.ended.is_set(), timeout=0.1)
            return list(self._frames) if self._newest_time > after else []

    def close(self) -> None:
        """Stop the thread, which frees the camera."""
        self.ended.set()
        self._thread.join(timeout=2)

    def _read(self) -> None:
        started = time.monotonic()
        while not self.ended.is_set():
            read, frame = self._capture.read()
            if not read:
                break
            if self._paced:
                due = started + self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                self.ended.wait(max(0.0, due - time.monotonic()))
            with self._changed:
                self._newest_time = time.monotonic()
                self._frames.append((self._newest_time, frame))
                while self._newest_time - self._frames[0][0] >= self._keep_seconds - CLOCK_SECONDS:
                    self._frames.popleft()
                self._changed.notify_all()
        self._capture.release()
        self.ended.set()


def has_window() -> bool:
    """Whether a window can be shown: opencv-python-headless has none, and Qt aborts without a display."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        return False
    try:
        cv2.namedWindow(WINDOW, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
    except cv2.error:
        return False
    return True


def draw(frame: np.ndarray, prediction: Prediction, status: str) -> np.ndarray:
    """The frame (BGR) with the label, a bar per probable label, and a status line."""
    scale = max(1.0, WIDTH / frame.shape[1])
    picture = cv2.resize(frame, None, fx=scale, fy=scale)
    top = prediction.top(5)
    for panel in (picture[: 60 + 24 * len(top), :320], picture[-30:]):
        panel[:] = panel // 3  # darker, so that white text can be read on it
    write(picture, f"{prediction.label}  {prediction.score:.2f}", (12, 34), size=0.9)
    for row, (label, score) in enumerate(top):
        y = 54 + 24 * row
        cv2.rectangle(picture, (12, y), (12 + round(296 * score), y + 18), GREEN, cv2.FILLED)
        write(picture, f"{label}  {score:.2f}", (16, y + 14), size=0.45)
    write(picture, status, (12, picture.shape[0] - 10), size=0.5)
    return picture


def write(picture: np.ndarray, text: str, at: tuple[int, int], *, size: float) -> None:
    """White text; `at` is its lower left corner."""
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 1, cv2.LINE_AA)


def run(classifier: VideoClassifier, camera: Camera, *, seconds: float | None, windowed: bool) -> None:
    """Classify the newest clip again and again, until the source or the time ends, or the user ends it."""
    started = used = time.monotonic()
    finished: deque[float] = deque(maxlen=10)  # when the last predictions were ready
    while seconds is None or time.monotonic() - started < seconds:
        clip = camera.newest(after=used)
        if clip:
            used = clip[-1][0]
            picked = uniform_indices(len(clip), frames=classifier.contract.sampling.frames)
            frames = np.stack([cv2.cvtColor(clip[index][1], cv2.COLOR_BGR2RGB) for index in picked])
            prediction = classifier.predict_frames(frames)
            finished.append(time.monotonic())
            lag_ms = (finished[-1] - used) * 1000
            rate = (len(finished) - 1) / (finished[-1] - finished[0]) if len(finished) > 1 else 0.0
            status = f"lag {lag_ms:.0f} ms, {rate:.1f} predictions a second, {prediction.device}"
            if windowed:
                cv2.imshow(WINDOW, draw(clip[-1][1], prediction, status))
            else:
                print(f"{used - started:7.2f} s  {prediction.score:.2f}  {prediction.label}  ({status})", flush=True)
        elif camera.ended.is_set():
            return
        if windowed and closed_by_user():
            return


def closed_by_user() -> bool:
    """Whether q or Esc was pressed, or the window closed; gives the window its time to draw."""
    try:
        return cv2.waitKey(1) & 0xFF in (ord("q"), 27) or cv2.getWindowProperty(WINDOW, cv2.WND_PROP_VISIBLE) < 1
    except cv2.error:  # Qt's answer once the only window is closed
        return True


@click.command()
@click.argument("model", type=click.Path())
@click.option("--source", default="0", show_default=True, help="A camera's number, a file or a URL.")
@click.option("--seconds", type=click.FloatRange(min=0), help="Stop after this time.")
def main(model: str, source: str, seconds: float | None) -> None:
    """Classify what a camera sees with MODEL, live; end with q, Esc or Ctrl-C."""
    try:
        classifier = VideoClassifier(model)
    except VidclsError as error:
        raise click.ClickException(str(error)) from error
    windowed = has_window()
    if not windowed:
        print("no display: printing a line per prediction instead of showing a window", file=sys.stderr)
    camera = Camera(source, keep_seconds=classifier.contract.sampling.clip_seconds)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            run(classifier, camera, seconds=seconds, windowed=windowed)
    finally:
        camera.close()
        if windowed:
            cv2.destroyAllWindows()


if __name__ == "__main__":
    main()
