"""Which decoding threads are worth it: python tests/benchmarks/threads.py

PyAV reads the frames of one clip, of five of a long video, and every frame (what a camera or `timeline` needs), with
slice threads, frame threads and both ("AUTO"), one, two and four of them, turn by turn; converting, resizing and
cropping go on in vidcls's own threads meanwhile. Then several videos at a time, as with many cameras, where threads of
one take from the others. Prints medians and ratios to one thread; no rival, and nothing of vidcls's reader.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import av
import click

from benchmarks.decoding import cropped
from benchmarks.decoding_rows import RATE, VIDEOS, Row
from benchmarks.machine import warn_if_busy
from benchmarks.rivals import Picture, Wanted, pyav_counting, pyav_seeking
from vidcls.cpus import cpu_name, usable_cpus

ONE = ("SLICE", 1)
THREADS = [ONE, *((kind, count) for count in (2, 4) for kind in ("SLICE", "FRAME", "AUTO"))]
AT_ONCE = 4  # videos

Work = Callable[[tuple[str, int]], None]


def read_clips(row: Row, threads: tuple[str, int]) -> None:
    """The wanted frames of a row's files, cropped."""
    kind, count = threads
    for path, wanted in row.files:
        read = pyav_counting if path.suffix == ".avi" else pyav_seeking
        cropped(path, wanted, read=partial(read, thread_type=kind, thread_count=count))


def read_all(path: Path, threads: tuple[str, int]) -> None:
    """Decode every frame, and convert, resize and crop none."""
    kind, count = threads
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.thread_count = kind, count
        for _ in container.decode(stream):
            pass


def read_every_eighth(path: Path, threads: tuple[str, int]) -> None:
    """Decode every frame and crop some of them, as for a camera."""

    def pictures(file: Path, _: Wanted) -> Iterator[Picture]:
        kind, count = threads
        every = Wanted(numbers=[list(range(0, 10 * RATE, 8))], times=[], by="number")
        yield from pyav_counting(file, every, thread_type=kind, thread_count=count)

    cropped(path, Wanted(numbers=[], times=[], by="number"), read=pictures)


def at_once(work: Work, threads: tuple[str, int]) -> None:
    """The same work on several videos at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, [threads] * AT_ONCE))


def works(folder: Path) -> dict[str, Work]:
    """What is measured, by name."""
    found: dict[str, Work] = {}
    for build in VIDEOS.values():
        for row in build(folder):
            found[row.name] = partial(read_clips, row)
            path = row.files[0][0]
            if path.stem.startswith("short"):
                whole = partial(read_every_eighth, path)
                found[f"{path.stem}, every 8th frame"] = whole
                found[f"{path.stem}, only decoding"] = partial(read_all, path)
                found[f"{path.stem}, {AT_ONCE} at once"] = partial(at_once, whole)
    return found


def measure(work: Work, *, runs: int) -> dict[tuple[str, int], float]:
    """Median milliseconds by kind and number of threads."""
    times: dict[tuple[str, int], list[float]] = {threads: [] for threads in THREADS}
    for _ in range(runs + 1):  # the first also fills the disk's cache
        for threads, taken in times.items():
            started = time.perf_counter()
            work(threads)
            taken.append((time.perf_counter() - started) * 1000)
    return {threads: statistics.median(taken[1:]) for threads, taken in times.items()}


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=3, show_default=True)
def main(runs: int) -> None:
    """Print the time of every kind of work with every choice of threads."""
    warn_if_busy()
    with TemporaryDirectory() as name:
        table = works(Path(name))
        click.echo(f"\n{cpu_name()}, {usable_cpus()} CPUs; PyAV {av.__version__}; ms of one thread, then ratios to it")
        heads = "".join(f"{f'{kind} {count}':>10}" for kind, count in THREADS[1:])
        click.echo(f"{'':32}{'one':>10}{heads}")
        for what, work in table.items():
            took = measure(work, runs=runs)
            ratios = "".join(f"{took[threads] / took[ONE]:10.2f}" for threads in THREADS[1:])
            click.echo(f"{what:32}{took[ONE]:10.1f}{ratios}")


if __name__ == "__main__":
    main()
