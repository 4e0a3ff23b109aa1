"""Five views of a two-hour video beside five of a ten-second one: time and peak memory.

    python tests/benchmarks/long_video.py [--hours 2] [--height 1080]

Encodes one minute (H.264, 30 frames a second, a key frame every 2 s) and repeats its packets, about 0.5 GB an
hour in a temporary folder at 1080p. Each reading is a process of its own; the best of several counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import av
import click
import cv2
import numpy as np

from benchmarks.machine import warn_if_busy
from vidcls.cpus import cpu_name

RATE, KEY_SECONDS = 30, 2

READ = """
import json, resource, sys, time
from vidcls.contract import Contract, from_json
from vidcls.clips import read_clips
contract = from_json(Contract, sys.argv[2], where="benchmark")
seconds = []
for _ in range(int(sys.argv[3])):
    started = time.perf_counter()
    seen = read_clips(sys.argv[1], contract, views=5)
    seconds.append(time.perf_counter() - started)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([min(seconds), peak, seen.windows[-1][1]]))
"""


def encode(path: Path, *, seconds: int, height: int) -> Path:
    """A moving texture with no sound."""
    width = height * 16 // 9 // 2 * 2
    noise = np.random.default_rng(0).integers(0, 256, (height // 32, width // 32, 3), np.uint8)
    picture = np.asarray(cv2.resize(noise, (width, height)), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "30", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", RATE * KEY_SECONDS
        for number in range(seconds * RATE):
            shifted = np.roll(picture, 2 * number, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shifted, format="rgb24")))
        container.mux(stream.encode())
    return path


def repeat(minute: Path, path: Path, *, times: int) -> Path:
    """The same packets again and again, each time a minute later."""
    with av.open(str(minute)) as source, av.open(str(path), "w") as target:
        (stream,) = source.streams.video
        copy = target.add_stream_from_template(stream)
        for number in range(times):
            source.seek(0)
            later = round(Fraction(60 * number) / Fraction(stream.time_base or 1))
            for packet in source.demux(stream):
                if packet.dts is not None and packet.pts is not None:
                    packet.pts += later
                    packet.dts += later
                    packet.stream = copy
                    target.mux(packet)
    return path


def measure(path: Path, *, runs: int) -> tuple[float, float, float]:
    """Seconds, peak MB and the last window's end."""
    from generated import contract_fields

    fields = contract_fields(frames=16, clip_seconds=64 / 30, size=224)
    checkpoint = {name: fields[name] for name in ("format", "labels", "sampling", "image", "source", "accuracy")}
    command = [sys.executable, "-c", READ, str(path), json.dumps(checkpoint), str(runs)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found[0], found[1], found[2]


@click.command()
@click.option("--hours", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--height", type=click.IntRange(min=64), default=1080, show_default=True)
@click.option("--runs", type=click.IntRange(min=1), default=3, show_default=True)
def main(hours: int, height: int, runs: int) -> None:
    """Print time and memory of five views of a long and of a short video."""
    warn_if_busy()
    click.echo(f"{cpu_name()}; OpenCV {cv2.__version__}; {height}p, five views of 16 frames, best of {runs}")
    with TemporaryDirectory() as folder:
        short = encode(Path(folder) / "short.mp4", seconds=10, height=height)
        minute = encode(Path(folder) / "minute.mp4", seconds=60, height=height)
        rows = {"10 s": measure(short, runs=runs)}
        for suffix in (".mp4", ".mkv"):
            long = repeat(minute, Path(folder) / f"long{suffix}", times=60 * hours)
            rows[f"{hours} h {suffix}"] = measure(long, runs=runs)
            long.unlink()
    seconds, megabytes, _ = rows["10 s"]
    for name, (took, peak, end) in rows.items():
        click.echo(
            f"{name:>10}  {took:6.2f} s ({took / seconds:4.2f} x)  peak {peak:6.0f} MB ({peak - megabytes:+4.0f})"
            f"  last window ends at {end:.1f} s"
        )


if __name__ == "__main__":
    main()
