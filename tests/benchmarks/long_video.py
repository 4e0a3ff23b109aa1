"""Five views of a two-hour video beside five of a ten-second one: time, and peak memory.

    python tests/benchmarks/long_video.py [--hours 2] [--height 1080]

Encodes one minute (H.264, 30 frames a second, a key frame every 2 s) and repeats its packets, about 0.5 GB an
hour in a temporary folder at 1080p. Every reading is in a fresh process, short and long ones in turn, by both
decoders. Says for each whether the long video takes at most 1.3 times the time and 30 MB more.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import av
import click
import cv2

from benchmarks.footage import encode, repeat, steady
from benchmarks.machine import warn_if_busy
from generated import CHECKPOINT_SECTIONS, contract_fields
from vidcls.cpus import cpu_name, usable_cpus

RATE, KEY_SECONDS = 30, 2
MOST_TIME, MOST_MEGABYTES = 1.3, 30.0

# The best of two, since the first reading also loads libraries.
READ = """
import json, resource, sys, time
from vidcls.contract import Contract, from_json
from vidcls.clips import read_clips
contract = from_json(Contract, sys.argv[2], where="benchmark")
seconds = []
for _ in range(2):
    started = time.perf_counter()
    clips = read_clips(sys.argv[1], contract, views=5, decoder=sys.argv[3])
    seconds.append(time.perf_counter() - started)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([min(seconds), peak, clips.windows[-1][1]]))
"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What reading a video took: medians of several processes, and the end of its last window in seconds."""

    seconds: float
    megabytes: float
    end: float


def read_once(path: Path, *, decoder: str) -> tuple[float, float, float]:
    """Seconds, peak MB and the last window's end, in a process of its own."""
    fields = contract_fields(frames=16, clip_seconds=64 / 30, size=224)
    checkpoint = {name: fields[name] for name in CHECKPOINT_SECTIONS}
    command = [sys.executable, "-c", READ, str(path), json.dumps(checkpoint), decoder]
    seconds, megabytes, end = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return seconds, megabytes, end


def measure(short: Path, long: Path, *, decoder: str, runs: int) -> tuple[Cost, Cost]:
    """The short video's cost and the long one's, read in turn."""
    taken = [[read_once(path, decoder=decoder) for path in (short, long)] for _ in range(runs)]
    costs = [
        [statistics.median(values) for values in zip(*readings, strict=True)] for readings in zip(*taken, strict=True)
    ]
    short_cost, long_cost = (Cost(seconds=cost[0], megabytes=cost[1], end=cost[2]) for cost in costs)
    return short_cost, long_cost


def report(name: str, short: Cost, long: Cost) -> str:
    """One line: both costs, and whether the long video's is within what is asked for."""
    ratio, more = long.seconds / short.seconds, long.megabytes - short.megabytes
    return (
        f"{name:14} 10 s: {short.seconds:5.2f} s, {short.megabytes:4.0f} MB   long: {long.seconds:5.2f} s, "
        f"{long.megabytes:4.0f} MB, last window ends at {long.end:.1f} s   "
        f"time {ratio:4.2f} x ({verdict(ratio, MOST_TIME)} {MOST_TIME})   "
        f"memory {more:+5.1f} MB ({verdict(more, MOST_MEGABYTES)} {MOST_MEGABYTES:.0f})"
    )


def verdict(value: float, most: float) -> str:
    return "within" if value <= most else "ABOVE"


@click.command()
@click.option("--hours", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--height", type=click.IntRange(min=64), default=1080, show_default=True)
@click.option("--runs", type=click.IntRange(min=1), default=5, show_default=True)
def main(hours: int, height: int, runs: int) -> None:
    """Print time and memory of five views of a long and of a short video, by both decoders."""
    warn_if_busy()
    click.echo(
        f"{cpu_name()}, {usable_cpus()} CPUs; OpenCV {cv2.__version__}, PyAV {av.__version__}; "
        f"{height}p, {hours} h, five views of 16 frames, median of {runs} processes"
    )
    write = partial(
        encode,
        width=height * 16 // 9 // 2 * 2,
        height=height,
        rate=RATE,
        options={"preset": "ultrafast", "crf": "30"},
        b_frames=2,
        key_frames=RATE * KEY_SECONDS,
    )
    with TemporaryDirectory() as folder:
        minute = write(Path(folder) / "minute.mp4", steady(seconds=60, rate=RATE))
        for suffix in (".mp4", ".mkv"):
            short = write(Path(folder) / f"short{suffix}", steady(seconds=10, rate=RATE))
            long = repeat(minute, Path(folder) / f"long{suffix}", times=60 * hours)
            for decoder in ("pyav", "opencv"):
                costs = measure(short, long, decoder=decoder, runs=runs)
                click.echo(report(f"{suffix} {decoder}", *costs))
            long.unlink()


if __name__ == "__main__":
    main()
