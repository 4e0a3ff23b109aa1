"""Many cameras, one process, one model: python tests/benchmarks/several_cameras.py --cameras 4 --cameras 10

Cameras are threads of this process that play decoded frames of 320 x 240 at 15 a second, so decoding and the pipe from
a camera's own process are left out (see tests/benchmarks/cameras.py and camera_process.py); resizing, cropping,
windows, turns and the model are `vidcls.live.several` as it is. The model is tiny, one matrix product over 16 frames of
224 x 224, unless another is given; `--answer-ms` has every answer wait for so long, as for a card.

Of each run: windows answered and dropped, how old answers are, and what of one CPU a camera and the model take.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import click
import numpy as np

from benchmarks.machine import warn_if_busy
from generated import painted_frame, write_model
from vidcls import Prediction, VideoClassifier
from vidcls.clips import SampledClips
from vidcls.cpus import cpu_name, usable_cpus
from vidcls.live.answers import Answers
from vidcls.live.capture import Capture
from vidcls.live.several import SeveralStreams
from vidcls.preprocessing import crop_frame

WIDTH, HEIGHT, RATE = 320, 240, 15
FRAMES, CROP, CLIP_SECONDS = 16, 224, 64 / 30


@dataclass
class Watched:
    """What one run found, by camera: answers, windows dropped, and seconds of lag; and the CPU's seconds."""

    seconds: float
    answered: list[int]
    dropped: list[int]
    lag: list[float] = field(default_factory=list)
    reading_cpu: list[float] = field(default_factory=list)
    whole_cpu: float = 0.0


def film() -> list[np.ndarray]:
    """Ten seconds, uint8 RGB, no two frames alike."""
    return [painted_frame(number, width=WIDTH, height=HEIGHT) for number in range(10 * RATE)]


def camera(frames: list[np.ndarray], cpu: list[float], *, number: int) -> Callable[[Capture], None]:
    """A camera that films at its own moments; it notes what its thread took."""

    def read(capture: Capture) -> None:
        begun, started = time.thread_time(), time.monotonic()
        capture.begin(captured=started)
        k = 0
        while not capture.is_stopping():
            at = k / RATE
            time.sleep(max(0.0, started + at - time.monotonic()))
            capture.add(at, frames[(k + 7 * number) % len(frames)], dropped=0)
            k += 1
        cpu.append(time.thread_time() - begun)

    return read


def watch(
    classifier: VideoClassifier, *, cameras: int, seconds: float, answer_ms: float, step_seconds: float
) -> Watched:
    """Watch so many for so long, once all are under way."""
    frames, found = film(), Watched(seconds=0.0, answered=[0] * cameras, dropped=[0] * cameras)

    def classify(clips: SampledClips) -> Prediction:
        time.sleep(answer_ms / 1000)
        return classifier.predict_clips(clips)

    def opened(number: int) -> tuple[Capture, Answers]:
        time.sleep(step_seconds / cameras)  # no two cameras are switched on at one moment
        read = camera(frames, found.reading_cpu, number=number)
        crop = partial(crop_frame, image=classifier.contract.image, crops=1)
        capture = Capture(read, classifier.contract, step_seconds=step_seconds, crop=crop)
        return capture, Answers(f"camera {number}", classify, motion=0.0)

    with SeveralStreams({str(number): opened(number) for number in range(cameras)}) as streams:
        warm = time.monotonic() + CLIP_SECONDS + 1
        before, started = 0.0, 0.0
        for name, record in streams:
            now = time.monotonic()
            if now < warm:
                before, started = time.process_time(), now
                continue
            found.answered[int(name)] += 1
            found.dropped[int(name)] += record.dropped_windows
            found.lag.append(record.lag_seconds)
            if now - started >= seconds:
                break
        found.seconds, found.whole_cpu = time.monotonic() - started, time.process_time() - before
        lifetime = time.monotonic() - (started - CLIP_SECONDS - 1)
    found.reading_cpu = [cpu * found.seconds / lifetime for cpu in found.reading_cpu]
    return found


def row(found: Watched, *, cameras: int, step_seconds: float) -> str:
    """A line of the table."""
    answered, dropped = sum(found.answered), sum(found.dropped)
    p50, p95 = np.percentile(found.lag, [50, 95])
    camera_share = sum(found.reading_cpu) / cameras / found.seconds
    whole_share = found.whole_cpu / found.seconds
    model_ms = 1000 * (found.whole_cpu - sum(found.reading_cpu)) / answered
    return (
        f"{cameras:7} {answered / found.seconds / cameras:9.2f} {min(found.answered):5} to {max(found.answered):<5}"
        f"{100 * dropped / (answered + dropped):7.1f} % {1000 * p50:7.0f} {1000 * p95:7.0f}   "
        f"{100 * camera_share:6.2f} % {model_ms:8.1f} {100 * whole_share:8.0f} %"
        f" {usable_cpus() / (camera_share + model_ms / 1000 / step_seconds):10.0f}"
    )


@contextmanager
def opened_model(path: str | None) -> Iterator[VideoClassifier]:
    """That, or the tiny one."""
    with TemporaryDirectory() as folder:
        path = path or str(write_model(Path(folder) / "m.onnx", frames=FRAMES, size=CROP, clip_seconds=CLIP_SECONDS))
        yield VideoClassifier(path, device="auto")


@click.command()
@click.option("--cameras", type=click.IntRange(min=1), multiple=True, default=(4, 10, 30), show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="Of each run.")
@click.option("--model", help="An exported model, instead of the tiny one.")
@click.option("--answer-ms", default=0.0, show_default=True, help="What every answer waits for, as for a card.")
@click.option("--step-seconds", default=CLIP_SECONDS / 2, show_default=True)
def main(cameras: tuple[int, ...], seconds: float, model: str | None, answer_ms: float, step_seconds: float) -> None:
    """Print a line a number of cameras."""
    warn_if_busy()
    click.echo(f"{cpu_name()}, {usable_cpus()} CPUs, load {os.getloadavg()[0]:.1f}; {WIDTH}x{HEIGHT} at {RATE} fps")
    click.echo(
        "cameras answers/s  answers a camera  dropped lag p50, p95 ms   CPU a camera, ms an answer, all  carries"
    )
    with opened_model(model) as classifier:
        for count in cameras:
            found = watch(classifier, cameras=count, seconds=seconds, answer_ms=answer_ms, step_seconds=step_seconds)
            click.echo(row(found, cameras=count, step_seconds=step_seconds))
    click.echo("carries: so many cameras keep all CPUs busy if every window is answered")


if __name__ == "__main__":
    main()
