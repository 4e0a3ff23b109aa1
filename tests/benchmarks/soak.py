"""Watch a network camera for long, with a model that is too slow for it: python tests/benchmarks/soak.py [--minutes 30]

A server on loopback (tests/live_server.py) films at 30 fps and is killed three times. The model is tiny and
slowed down by sleeping, so that the machine is hardly busy; windows are asked for three times as often as it
can answer. What has to hold: lag and memory stay as they were at the beginning, every gap is reported, nothing
crashes, and no thread is left over. The newest frame shows when it was filmed, so its age is known besides
what the stream says of itself: a backlog anywhere between the camera and the answer would show in it.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import click
import numpy as np

import live_server
from generated import write_model
from loopback import free_port
from vidcls import Prediction, Record, VideoClassifier
from vidcls.clips import SampledClips
from vidcls.live.stream import Stream, open_stream

ANSWER_SECONDS = 1.0  # that the model takes for a window
OVERLOAD = 3  # windows asked for in that time
DOWN_SECONDS = 5.0  # between the server's death and its next start
CLIP_SECONDS = 64 / 30
END_SECONDS = 2.0  # that the system may take to end a thread that has done its work


@dataclass(kw_only=True)
class Soak:
    """What was measured. Seconds and MB; a row per record."""

    at: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)
    age: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    outages: list[float] = field(default_factory=list)
    dropped_windows: int = 0
    dropped_frames: int = 0
    threads_left_over: int = 0

    def add(self, record: Record, *, at: float) -> None:
        """Note a record that came so many seconds after the start."""
        self.at.append(at)
        self.lag.append(record.lag_seconds)
        self.age.append(live_server.filmed_seconds_ago(record.picture))
        self.resident_mb.append(_resident_mb())
        self.dropped_windows += record.dropped_windows
        self.dropped_frames += record.dropped_frames
        if record.gap_seconds:
            self.gaps.append(record.gap_seconds)

    def sixths(self, values: list[float]) -> list[list[float]]:
        """The values of each sixth of the time."""
        first, last = self.at[0], self.at[-1]
        parts: list[list[float]] = [[] for _ in range(6)]
        for at, value in zip(self.at, values, strict=True):
            parts[min(int(6 * (at - first) / (last - first)), 5)].append(value)
        return parts


def watch(url: str, classifier: VideoClassifier) -> Stream:
    """The stream, through a model that takes ANSWER_SECONDS."""

    def slow(clips: SampledClips) -> Prediction:
        time.sleep(ANSWER_SECONDS)
        return classifier.predict_clips(clips)

    return open_stream(
        url,
        classifier.contract,
        slow,
        pace="realtime",
        step_seconds=ANSWER_SECONDS / OVERLOAD,
        decoder="auto",
        timeout_seconds=5.0,
    )


def soak(*, seconds: float, kills: int) -> Soak:
    """Watch for so long, while the server is killed so many times, evenly spread."""
    found = Soak()
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with TemporaryDirectory() as folder:
        model = write_model(Path(folder) / "model.onnx", frames=16, clip_seconds=CLIP_SECONDS)
        classifier = VideoClassifier(model, device="cpu")
    with Camera(port) as camera:
        with watch(url, classifier) as stream:  # once before, for what libraries set up on first use
            next(stream)
        threads = _native_threads()
        with camera.failing(seconds=seconds, kills=kills), watch(url, classifier) as stream:
            started = time.monotonic()
            for record in stream:
                found.add(record, at=time.monotonic() - started)
                if found.at[-1] >= seconds:
                    break
        found.outages = camera.outages
        patience = time.monotonic() + END_SECONDS
        while (left := _native_threads() - threads) and time.monotonic() < patience:
            time.sleep(0.1)
        found.threads_left_over = left
    return found


class Camera:
    """The server. outages: for how many seconds each time it was down."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._servers = [live_server.start(port)]
        self.outages: list[float] = []

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.kill()
            server.wait()

    @contextmanager
    def failing(self, *, seconds: float, kills: int) -> Iterator[None]:
        """Meanwhile, kill it so many times and start it again, evenly spread over so many seconds."""
        ended = threading.Event()

        def kill_now_and_then() -> None:
            for _ in range(kills):
                if ended.wait(seconds / (kills + 1)):
                    return
                self._servers[-1].kill()
                self._servers[-1].wait()
                down = time.monotonic()
                if ended.wait(DOWN_SECONDS):
                    return
                self._servers.append(live_server.start(self._port))
                self.outages.append(time.monotonic() - down)

        killer = threading.Thread(target=kill_now_and_then)
        killer.start()
        try:
            yield
        finally:
            ended.set()
            killer.join()


def _native_threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _p95(values: list[float]) -> float:
    return float(np.percentile(values, 95)) if values else math.nan  # a sixth without an answer


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0.5), default=30, show_default=True)
@click.option("--kills", type=click.IntRange(min=0), default=3, show_default=True)
def main(minutes: float, kills: int) -> None:
    """Run the soak and print what it found, for each sixth of the time."""
    load = os.getloadavg()[0]
    found = soak(seconds=60 * minutes, kills=kills)
    click.echo(f"{minutes:g} minutes, load {load:.1f} at the start and {os.getloadavg()[0]:.1f} at the end")
    click.echo(f"{len(found.at)} answers; dropped {found.dropped_windows} windows, {found.dropped_frames} frames")
    for name, values in (("lag, s, as reported", found.lag), ("age of the newest frame, s", found.age)):
        sixths = [_p95(part) for part in found.sixths(values)]
        shown = " ".join(f"{value:.3f}" for value in sixths)
        click.echo(
            f"{name}: p95 of each sixth {shown}; last / first {sixths[-1] / sixths[0]:.3f}; most {max(values):.3f}"
        )
    shown = " ".join(f"{max(part, default=math.nan):.1f}" for part in found.sixths(found.resident_mb))
    click.echo(f"resident memory, MB: most of each sixth {shown}")
    click.echo(f"server down, s: {[round(outage, 1) for outage in found.outages]}")
    click.echo(f"gaps reported, s: {[round(gap, 1) for gap in found.gaps]}")
    click.echo(f"threads left over: {found.threads_left_over}")


if __name__ == "__main__":
    main()
