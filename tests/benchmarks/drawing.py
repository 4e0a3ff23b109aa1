"""CPU that a picture costs to draw on, to keep and to write: python tests/benchmarks/drawing.py FOLDER_OF_VIDEOS

The first second of some real videos, scaled to each size. Drawn is an answer with another label's score each time, so
that no text is taken from a cache; kept are pictures in memory, written is the clip of an event.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np

from vidcls import Prediction, draw
from vidcls.contract import NEUTRAL
from vidcls.watch.clips import ClipRecorder
from vidcls.watch.event import CameraEvent
from vidcls.watch.settings import ClipSettings

SIZES = ((640, 360), (1280, 720), (1920, 1080), (3840, 2160))
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
LABELS = ("fall", "wave", "jump", "turn left")


@contextmanager
def timed(found: list[float], *, pictures: int) -> Iterator[None]:
    """Add the milliseconds of CPU for each of so many pictures."""
    begun = time.process_time()
    yield
    found.append((time.process_time() - begun) * 1000 / pictures)


def pictures(path: Path, *, size: tuple[int, int]) -> list[np.ndarray]:
    """RGB, ten a second of a video at 25 to 30."""
    video = cv2.VideoCapture(str(path))
    found: list[np.ndarray] = []
    while len(found) < 10 and video.grab():
        found.append(cv2.cvtColor(cv2.resize(video.retrieve()[1], size), cv2.COLOR_BGR2RGB))
        video.grab()
        video.grab()
    return found


def prediction(seed: int) -> Prediction:
    return Prediction(
        labels=LABELS,
        logits=np.random.default_rng(seed).normal(size=len(LABELS)).astype(np.float32),
        decision=NEUTRAL,
        windows=[(seed / 10, seed / 10 + 2)],
        timestamps=np.zeros((1, 4)),
        decoded_share=None,
        device="cpu",
        timing_ms={},
    )


def event(seconds: float) -> CameraEvent:
    return CameraEvent(
        id="00000000",
        camera="door",
        label="fall",
        state="final",
        start=BEGIN,
        end=BEGIN + timedelta(seconds=seconds),
        start_seconds=0.0,
        end_seconds=seconds,
        peak_score=0.9,
        mean_score=0.8,
        detection_delay=1.0,
        coverage=1.0,
    )


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--videos", default=10, show_default=True)
def main(folder: Path, videos: int) -> None:
    """Print milliseconds of CPU for a picture, the median of some videos of FOLDER and the most, and kilobytes."""
    every = sorted(path for path in folder.rglob("*") if path.is_file())
    chosen = every[:: max(1, len(every) // videos)][:videos]
    for size in SIZES:
        drawn: list[float] = []
        kept: list[float] = []
        written: list[float] = []
        memory: list[float] = []
        for path in chosen:
            shown = pictures(path, size=size)
            with timed(drawn, pictures=len(shown)):
                for number, picture in enumerate(shown):
                    draw(picture, prediction(number), status="door")
            with TemporaryDirectory() as clips:
                recorder = ClipRecorder(ClipSettings(folder=Path(clips), max_days=1e6, before_seconds=0))
                with timed(kept, pictures=len(shown)):
                    for number, picture in enumerate(shown):
                        recorder.add("door", number / 10, picture)
                recorder.close()
                with timed(written, pictures=len(shown)):
                    name = recorder.save(event((len(shown) - 1) / 10))
                memory.append((Path(clips) / str(name)).stat().st_size / len(shown) / 1000)
        columns = (("drawn", drawn), ("kept", kept), ("written", written))
        times = ", ".join(
            f"{what} {statistics.median(found):.1f} ms (at most {max(found):.1f})" for what, found in columns
        )
        click.echo(f"{size[0]} x {size[1]}: {times}; {statistics.median(memory):.0f} kB on disk")


if __name__ == "__main__":
    main()
