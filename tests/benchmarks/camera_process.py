"""CPU that a camera costs, read by a process of its own and by a thread: python tests/benchmarks/camera_process.py

A camera that gives the same noise at 30 fps stands in for one, so that neither a driver nor a decoder is timed: only
what it takes to have its frames as RGB here. Both ways take turns. Linux alone says what another process has used.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np

from vidcls.live.camera import Camera
from vidcls.live.camera_frames import arrivals

RATE = 30
SIZE = "CAMERA_SIZE"


class Noise:
    """What of cv2.VideoCapture is needed."""

    def __init__(self, *_: object) -> None:
        width, height = map(int, os.environ[SIZE].split("x"))
        self.picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        self.number, self.started = -1, time.monotonic()

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def grab(self) -> bool:
        self.number += 1
        time.sleep(max(0.0, self.started + self.number / RATE - time.monotonic()))
        return True

    def get(self, _: int) -> float:
        return self.number * 1000 / RATE

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, self.picture

    def release(self) -> None:
        pass


@contextmanager
def plugged_in() -> Iterator[None]:
    """Let every process that is started meanwhile have this camera."""
    script = Path(__file__)
    lines = (
        f"import sys; sys.path.append({str(script.parent)!r})",
        f"import cv2; from {script.stem} import Noise",
        "sys.path.pop(); cv2.VideoCapture = Noise",
    )
    with TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text("\n".join(lines), encoding="utf-8")
        before = os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, *filter(None, [before])])
        yield
        os.environ["PYTHONPATH"] = before


def by_thread(frames: int) -> tuple[float, float]:
    """Seconds of CPU a frame here, and elsewhere."""
    taken = (picture for _, picture in arrivals(Noise(), lambda: False) if picture is not None)  # type: ignore[arg-type]
    return measured(lambda: next(taken) is None, frames, elsewhere=lambda: 0.0)


def by_process(frames: int) -> tuple[float, float]:
    """The same."""
    camera = Camera(0, timeout_seconds=30)
    camera.open(is_cancelled=lambda: False)
    try:
        taken = camera.frames(is_cancelled=lambda: False)
        process = camera._process
        assert process is not None
        return measured(lambda: next(taken).dropped > 0, frames, elsewhere=lambda: cpu_of(process.pid))
    finally:
        camera.close()


def measured(take: Callable[[], bool], frames: int, *, elsewhere: Callable[[], float]) -> tuple[float, float]:
    for _ in islice(iter(take, None), RATE):  # a second first, for what is set up on first use
        pass
    here, there = time.process_time(), elsewhere()
    dropped = sum(take() for _ in range(frames))
    if dropped:
        click.echo(f"the machine is too busy: {dropped} of {frames} frames came after dropped ones")
    return (time.process_time() - here) / frames, (elsewhere() - there) / frames


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@click.command()
@click.option("--size", default="1920x1080", show_default=True)
@click.option("--seconds", default=10, show_default=True, help="Of each turn.")
@click.option("--turns", default=3, show_default=True)
def main(size: str, seconds: int, turns: int) -> None:
    """Print milliseconds of CPU for a frame, and what they are of a core."""
    os.environ[SIZE] = size
    found: dict[str, list[tuple[float, float]]] = {"thread": [], "process": []}
    with plugged_in():
        for _ in range(turns):
            found["thread"].append(by_thread(seconds * RATE))
            found["process"].append(by_process(seconds * RATE))
    totals = {way: statistics.median(here + there for here, there in times) for way, times in found.items()}
    for way, times in found.items():
        here, there = (1000 * statistics.median(column) for column in zip(*times, strict=True))
        click.echo(f"{way:8} {here:.2f} ms a frame here, {there:.2f} in the camera's process")
    more = totals["process"] - totals["thread"]
    click.echo(
        f"the process costs {1000 * more:.2f} ms a frame more: {100 * more * RATE:.1f} % of a core at {RATE} fps"
    )
    click.echo(f"{size}, OpenCV {cv2.__version__}, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
