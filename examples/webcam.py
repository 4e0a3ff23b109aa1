"""Classify what a camera sees, live: python examples/webcam.py MODEL.onnx [--source 0] [--show auto] [--seconds 30]

--source is a camera's number, a stream's URL, or a file, which is played at its own pace and stands in for the
camera. The picture, with label, probabilities, lag and rate drawn on it, comes up in a window, or where there
is no display on a web page, which only this machine can reach unless --host says otherwise; --show lines
prints a line per answer instead. Ends with q, Esc or Ctrl-C, or kill.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click
import cv2
import numpy as np

from vidcls import Record, VidclsError, VideoClassifier
from vidcls.video.opencv import quiet_decoders
from vidcls.web.server import Content, PageServer, Parts

WINDOW = "vidcls"
WIDTH = 640  # least width of the picture shown, px
GREEN = (60, 150, 40)  # BGR
PICTURES_PER_SECOND = 20

PAGE = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>vidcls</title>
<link rel="icon" href="data:,">
<style>
  body { margin: 0; background: #111; color: #eee; font: 16px/1.5 system-ui, sans-serif; text-align: center }
  img { max-width: 100vw; max-height: calc(100vh - 4em); margin-top: 1em }
</style>
<img src="picture.mjpg" alt="what the camera sees">
<p id="state" role="status">waiting for the first answer</p>
<script src="page.js"></script>
</html>
"""

# Labels come from whoever made the model: they are only ever set as text.
SCRIPT = b"""
const state = document.getElementById("state");
async function update() {
  try {
    const answer = await (await fetch("state.json")).json();
    if (answer.label !== null)
      state.textContent = `${answer.label} ${answer.score.toFixed(2)} (${answer.status})`;
    if (answer.ended) {
      state.textContent += ", ended";
      return;
    }
    setTimeout(update, 250);
  } catch {
    state.textContent = "no answer from the program that watches";
    setTimeout(update, 2000);
  }
}
update();
"""


class Watch:
    """A thread that iterates over the stream; whoever shows the picture finds the newest answer here."""

    def __init__(self, classifier: VideoClassifier, source: int | str, *, step_seconds: float) -> None:
        self.stream = classifier.stream(source, step_seconds=step_seconds)
        self.record: Record | None = None
        self.ended = False
        self.error: VidclsError | None = None
        self._device = classifier.device
        self._finished: deque[float] = deque(maxlen=10)  # when the last answers were ready
        self._dropped = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def status(self) -> str:
        """Lag, rate, losses and device, in words."""
        if not self.stream.connected:
            return "no picture: the source is lost, trying again"
        if self.record is None:
            return "waiting for the first answer"
        finished = list(self._finished)
        words = [f"lag {self.record.lag_seconds * 1000:.0f} ms"]
        if len(finished) > 1:
            words.append(f"{(len(finished) - 1) / (finished[-1] - finished[0]):.1f} answers a second")
        return ", ".join([*words, f"{self._dropped} windows dropped", self._device])

    def close(self) -> None:
        """Free the camera."""
        self.stream.stop()
        self._thread.join()

    def picture(self) -> np.ndarray | None:
        """The newest frame, BGR, with all that is known drawn on it; None before the first."""
        newest = self.stream.picture
        return None if newest is None else draw(cv2.cvtColor(newest, cv2.COLOR_RGB2BGR), self.record, self.status)

    def _run(self) -> None:
        try:
            with self.stream:
                for record in self.stream:
                    self._finished.append(time.monotonic())
                    self._dropped += record.dropped_windows
                    self.record = record
        except VidclsError as error:
            self.error = error
        finally:
            self.ended = True


def draw(frame: np.ndarray, record: Record | None, status: str) -> np.ndarray:
    """The frame (BGR) with the label, a bar per probable label, and a status line."""
    scale = max(1.0, WIDTH / frame.shape[1])
    picture = cv2.resize(frame, None, fx=scale, fy=scale)
    picture[-30:] = picture[-30:] // 3  # darker, so that white text can be read on it
    write(picture, status, (12, picture.shape[0] - 10), size=0.5)
    if record is None:
        return picture
    top = record.prediction.top(5)
    height = 60 + 24 * len(top)
    picture[:height, :320] = picture[:height, :320] // 3
    write(picture, f"{name(record)}  {record.score:.2f}", (12, 34), size=0.9)
    for row, (label, score) in enumerate(top):
        y = 54 + 24 * row
        cv2.rectangle(picture, (12, y), (12 + round(296 * score), y + 18), GREEN, cv2.FILLED)
        write(picture, f"{label}  {score:.2f}", (16, y + 14), size=0.45)
    return picture


def name(record: Record) -> str:
    """Its label, or "-" where it shows nothing that the model knows."""
    return record.label if record.known else "-"


def write(picture: np.ndarray, text: str, at: tuple[int, int], *, size: float) -> None:
    """White text; `at` is its lower left corner."""
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 1, cv2.LINE_AA)


def has_window() -> bool:
    """Whether a window can be shown: opencv-python-headless has none, and Qt aborts without a display."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        return False
    try:
        cv2.namedWindow(WINDOW, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
    except cv2.error:
        return False
    return True


def show_window(watch: Watch, *, until: float) -> None:
    """Show the picture in a window until q or Esc is pressed, the window is closed, or it is over."""
    while not watch.ended and time.monotonic() < until:
        picture = watch.picture()
        if picture is not None:
            cv2.imshow(WINDOW, picture)
        try:
            key = cv2.waitKey(1000 // PICTURES_PER_SECOND) & 0xFF
            if key in (ord("q"), 27) or cv2.getWindowProperty(WINDOW, cv2.WND_PROP_VISIBLE) < 1:
                return
        except cv2.error:  # Qt's answer once the only window is closed
            return
    cv2.destroyAllWindows()


class Pictures:
    """What the camera sees as JPEGs that replace each other; each is made once, for however many browsers."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._lock = threading.Lock()
        self._part = b""
        self._made = 0.0

    def next_part(self) -> bytes | None:
        """The newest picture as a part of the answer; None at the end."""
        if self._watch.ended:
            return None
        with self._lock:
            if time.monotonic() - self._made >= 1 / PICTURES_PER_SECOND:
                picture, self._made = self._watch.picture(), time.monotonic()
                if picture is not None:
                    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
                    head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self._part = head.encode() + jpeg + b"\r\n"
            return self._part


def show_page(watch: Watch, *, host: str, port: int, names: tuple[str, ...], until: float) -> None:
    """Show the picture on a web page until it is over."""
    kind, pictures = "multipart/x-mixed-replace; boundary=picture", Pictures(watch)
    pages: dict[str, Callable[[], Content | Parts]] = {
        "/": lambda: Content("text/html; charset=utf-8", PAGE),
        "/page.js": lambda: Content("text/javascript", SCRIPT),
        "/state.json": lambda: Content("application/json", json.dumps(state(watch)).encode()),
        "/picture.mjpg": lambda: Parts(kind, pictures.next_part, pause_seconds=1 / PICTURES_PER_SECOND),
    }
    try:
        server = PageServer(pages, host=host, port=port, names=names)
    except OSError as error:
        raise click.ClickException(f"{host}:{port}: no page can be served there ({error.strerror})") from error
    with server:
        print(f"watch it at {server.url}", flush=True)
        while not watch.ended and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(0.5)  # so that an open page learns that it is over


def state(watch: Watch) -> dict[str, object]:
    """What the page says below the picture."""
    record = watch.record
    return {
        "label": None if record is None else name(record),
        "score": None if record is None else record.score,
        "status": watch.status,
        "ended": watch.ended,
    }


def print_lines(watch: Watch, *, until: float) -> None:
    """Print a line per answer until it is over."""
    shown = None
    while time.monotonic() < until:
        ended, record = watch.ended, watch.record
        if record is not None and record is not shown:
            print(f"{record.window[1]:8.2f} s  {record.score:.2f}  {name(record)}  ({watch.status})", flush=True)
            shown = record
        elif ended:
            return
        time.sleep(0.01)


def interrupted(*_: int | FrameType | None) -> None:
    """Let kill end the program the way Ctrl-C does."""
    raise KeyboardInterrupt


@click.command()
@click.argument("model", type=click.Path())
@click.option("--source", default="0", show_default=True, help="A camera's number, a file or a URL.")
@click.option("--show", type=click.Choice(["auto", "window", "page", "lines"]), default="auto", show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the page is served; 0.0.0.0 is everywhere.")
@click.option("--name", "names", multiple=True, help="By which name browsers may call the page; an address always may.")
@click.option("--port", default=8000, show_default=True, help="Of the page; 0 takes any that is free.")
@click.option(
    "--step-seconds", type=click.FloatRange(min=0.01), default=0.2, show_default=True, help="Between answers."
)
@click.option("--seconds", type=click.FloatRange(min=0), default=float("inf"), help="Stop after this time.")
def main(
    model: str,
    source: str,
    show: str,
    host: str,
    names: tuple[str, ...],
    port: int,
    step_seconds: float,
    seconds: float,
) -> None:
    """Classify what a camera sees with MODEL, live; end with q, Esc or Ctrl-C."""
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, interrupted)
    quiet_decoders()  # a lost camera is reported once, not at every try
    number = source.isdecimal() and not Path(source).is_file()
    if show in ("auto", "window"):
        windowed = has_window()
        if show == "window" and not windowed:
            raise click.ClickException("there is no display for a window; take --show page")
        show = "window" if windowed else "page"
    try:
        classifier = VideoClassifier(model)
        watch = Watch(classifier, int(source) if number else source, step_seconds=step_seconds)
    except VidclsError as error:
        raise click.ClickException(str(error)) from error
    until = time.monotonic() + seconds
    try:
        if show == "window":
            show_window(watch, until=until)
        elif show == "page":
            show_page(watch, host=host, port=port, names=names, until=until)
        else:
            print_lines(watch, until=until)
    except KeyboardInterrupt:
        print("ended", file=sys.stderr)
    finally:
        watch.close()
    if watch.error is not None:
        raise click.ClickException(str(watch.error))


if __name__ == "__main__":
    main()
