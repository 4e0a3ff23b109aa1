"""What decoding a camera costs, by size and by what is decoded: python tests/benchmarks/cameras.py

Films that stand in for a camera's streams (H.264, 25 frames a second, a key frame every 2 s, no B-frames) are read
as `stream` reads a camera, by OpenCV: decoded, converted to RGB, resized and cropped. Prints the processor's time per
second of film, all threads together, and so how many cameras one core decodes; then what "key frames only" leaves
of a clip of 2.13 s.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import click
import cv2

from benchmarks.decoding import CONTRACT
from benchmarks.decoding_rows import CLIP_SECONDS
from benchmarks.footage import encode, steady
from benchmarks.machine import warn_if_busy
from vidcls.cpus import cpu_name, usable_cpus
from vidcls.preprocessing import crop_frame

RATE, SECONDS, KEY_SECONDS = 25, 20, 2
SIZES = {(1920, 1080): "4M", (1280, 720): "2M", (640, 360): "500k"}  # bits a second, as cameras set them
KEY_FRAMES_ONLY = "avdiscard;nonkey"


def write_film(folder: Path, *, width: int, height: int, bits: str) -> Path:
    return encode(
        folder / f"{height}.mp4",
        steady(seconds=SECONDS, rate=RATE),
        width=width,
        height=height,
        rate=RATE,
        options={"preset": "veryfast", "b": bits, "maxrate": bits, "bufsize": bits},
        b_frames=0,
        key_frames=RATE * KEY_SECONDS,
    )


def read(path: Path) -> tuple[int, float, float]:
    """Frames, and the processor's ms per second of film for decoding alone, and with RGB, resize and crop."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    started, decoding, frames = time.process_time(), 0.0, 0
    while True:
        before = time.process_time()
        if not capture.grab():
            break
        decoding += time.process_time() - before
        frames += 1
        _, bgr = capture.retrieve()
        crop_frame(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), CONTRACT.image, crops=1)  # type: ignore[arg-type]
    whole = time.process_time() - started
    return frames, decoding * 1000 / SECONDS, whole * 1000 / SECONDS


def measure(path: Path, *, runs: int) -> tuple[int, float, float]:
    """The medians of `read`."""
    frames, decoding, whole = zip(*(read(path) for _ in range(runs)), strict=True)
    return frames[0], statistics.median(decoding), statistics.median(whole)


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=5, show_default=True)
def main(runs: int) -> None:
    """Print what a second of film costs at each size, all frames and key frames only."""
    warn_if_busy()
    os.environ["OPENCV_FFMPEG_THREADS"] = "1"
    click.echo(f"{cpu_name()}, {usable_cpus()} CPUs; OpenCV {cv2.__version__}; one decoding thread a camera")
    click.echo("processor ms per second of film: decoding; with RGB, resize and crop; so many cameras a core")
    with TemporaryDirectory() as name:
        for (width, height), bits in SIZES.items():
            path = write_film(Path(name), width=width, height=height, bits=bits)
            os.environ.pop("OPENCV_FFMPEG_CAPTURE_OPTIONS", None)
            _, decoding, whole = measure(path, runs=runs)
            os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = KEY_FRAMES_ONLY
            frames, keys_decoding, keys_whole = measure(path, runs=runs)
            click.echo(
                f"{width}x{height} {bits:>5}  all frames {decoding:6.0f} {whole:6.0f} {1000 / whole:5.1f} cameras   "
                f"key frames only {keys_decoding:6.1f} {keys_whole:6.1f}, "
                f"{frames / SECONDS * CLIP_SECONDS:.1f} frames a clip"
            )


if __name__ == "__main__":
    main()
