"""Watch a network camera for long, with a model that is too slow for it: python tests/benchmarks/soak.py [--minutes 30]

A server on loopback (tests/live_server.py) films at 30 fps and is killed three times. The model is tiny and
slowed down by sleeping, so that the machine is hardly busy; windows are asked for three times as often as it
can answer. What has to hold: lag and memory stay as they were at the beginning, every gap is reported, nothing
crashes, and no thread is left over. The newest frame shows when it was filmed, so its age is known besides
what the stream says of itself: a backlog anywhere between the camera and the answer would show in it.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import click
import numpy as np

import live_server
from generated import write_model
from vidcls import Prediction, VideoClassifier
from vidcls.streaming import Stream, open_stream
from vidcls.views import VideoViews

ANSWER_SECONDS = 1.0  # that the model takes for a window
OVERLOAD = 3  # windows asked for in that time
DOWN_SECONDS = 5.0  # between the server's death and its next start
CLIP_SECONDS = 64 / 30


@dataclass(kw_only=True)
class Soak:
    """What was seen. Seconds and MB; a row per record."""

    at: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)
    age: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    outages: list[float] = field(default_factory=list)
    dropped_windows: int = 0
    dropped_frames: int = 0
    threads_left_over: int = 0

    def part(self, values: list[float], *, share: float) -> list[float]:
        """Values of the first `share` of the time, or of the last where it is negative."""
        first, last = self.at[0], self.at[-1]
        length = abs(share) * (last - first)
        return [
            value
            for at, value in zip(self.at, values, strict=True)
            if (at <= first + length if share > 0 else at >= last - length)
        ]


def watch(url: str, classifier: VideoClassifier) -> Stream:
    """The stream, through a model that takes ANSWER_SECONDS."""

    def slow(seen: VideoViews) -> Prediction:
        time.sleep(ANSWER_SECONDS)
        return classifier._classify(seen)

    return open_stream(
        url,
        classifier.contract,
        slow,
        pace="realtime",
        step_seconds=ANSWER_SECONDS / OVERLOAD,
        timeout_seconds=5.0,
    )


def soak(*, seconds: float, kills: int) -> Soak:
    """Watch for so long, while the server is killed so many times, evenly spread."""
    seen = Soak()
    port = _free_port()
    url = f"http://127.0.0.1:{port}/"
    with TemporaryDirectory() as folder:
        model = write_model(Path(folder) / "model.onnx", frames=16, clip_seconds=CLIP_SECONDS)
        classifier = VideoClassifier(model, device="cpu")
    servers = [live_server.start(port)]
    ended = threading.Event()

    def kill_now_and_then() -> None:
        for _ in range(kills):
            if ended.wait(seconds / (kills + 1)):
                return
            servers[-1].kill()
            servers[-1].wait()
            down = time.monotonic()
            if ended.wait(DOWN_SECONDS):
                return
            servers.append(live_server.start(port))
            seen.outages.append(time.monotonic() - down)

    killer = threading.Thread(target=kill_now_and_then)
    try:
        with watch(url, classifier) as stream:  # once before, for what libraries set up on first use
            next(stream)
        threads = _native_threads()
        killer.start()
        with watch(url, classifier) as stream:
            started = time.monotonic()
            for record in stream:
                now = time.monotonic() - started
                seen.at.append(now)
                seen.lag.append(record.lag_seconds)
                seen.age.append(live_server.filmed_seconds_ago(record.picture))
                seen.resident_mb.append(_resident_mb())
                seen.dropped_windows += record.dropped_windows
                seen.dropped_frames += record.dropped_frames
                if record.gap_seconds:
                    seen.gaps.append(record.gap_seconds)
                if now >= seconds:
                    break
        seen.threads_left_over = _native_threads() - threads - killer.is_alive()
    finally:
        ended.set()
        killer.join()
        for server in servers:
            server.kill()
            server.wait()
    return seen


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _native_threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _p95(values: list[float]) -> float:
    return float(np.percentile(values, 95))


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0.5), default=30, show_default=True)
@click.option("--kills", type=click.IntRange(min=0), default=3, show_default=True)
def main(minutes: float, kills: int) -> None:
    """Run the soak and print what it found; the first and the last sixth of it are compared."""
    load = os.getloadavg()[0]
    seen = soak(seconds=60 * minutes, kills=kills)
    click.echo(f"{minutes:g} minutes, load {load:.1f} at the start and {os.getloadavg()[0]:.1f} at the end")
    click.echo(f"{len(seen.at)} answers; dropped {seen.dropped_windows} windows, {seen.dropped_frames} frames")
    for name, values in (("lag, s, as reported", seen.lag), ("age of the newest frame, s", seen.age)):
        first, last = seen.part(values, share=1 / 6), seen.part(values, share=-1 / 6)
        click.echo(
            f"{name}: p95 {_p95(first):.3f} in the first sixth, {_p95(last):.3f} in the last "
            f"({_p95(last) / _p95(first):.3f}); median {np.median(first):.3f}, {np.median(last):.3f}; "
            f"most {max(values):.3f}"
        )
    first, last = seen.part(seen.resident_mb, share=1 / 6), seen.part(seen.resident_mb, share=-1 / 6)
    click.echo(f"resident memory, MB: at most {max(first):.1f} in the first sixth, {max(last):.1f} in the last")
    click.echo(f"server down, s: {[round(outage, 1) for outage in seen.outages]}")
    click.echo(f"gaps reported, s: {[round(gap, 1) for gap in seen.gaps]}")
    click.echo(f"threads left over: {seen.threads_left_over}")


if __name__ == "__main__":
    main()
