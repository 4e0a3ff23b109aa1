"""Time the reading of clips beside PyAV, torchcodec and decord: python tests/benchmarks/decoding.py [--json FILE]

The same for all, turn by turn, so that a slow spell meets all: open, seek, decode, RGB, resize, crop. vidcls is
`read_clips`, from the file to the clips, and finds out for itself which frames there are, and when. The others
are told which frames are wanted, are read in whichever of their ways is fastest here, and their frames are
resized and cropped by our own threads, while they decode where they hand out frames one by one.
Trust the ratios, not the times. VIDCLS_TEST_DATA=DIR gives the row of real AVIs.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import av
import click
import cv2
import numpy as np
import PIL

from benchmarks.footage import encode, repeat, steady, unsteady
from benchmarks.machine import warn_if_busy
from benchmarks.rivals import Reader, Wanted, flat, installed
from generated import contract_fields, turn_mp4
from vidcls.clips import read_clips
from vidcls.contract import Contract, from_json
from vidcls.cpus import cpu_name, usable_cpus
from vidcls.preprocessing import crop_frames
from vidcls.sampling import sample_views

RATE, SECONDS, REPEATS = 30, 10, 60
FRAMES, CLIP_SECONDS = 16, 64 / 30
CLIPS = 8  # real AVIs
TRIALS = 2  # of every way of a rival, before the fastest is measured
# Grey levels, on average over a crop: libraries turn YUV into RGB by slightly different arithmetic. The frame
# before or after is over ten away in generated footage.
SAME_FRAME = 3.0

Timed = Callable[[Path, Wanted], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Row:
    """Files that are read one after the other, the frames to read of each, and how many views that is."""

    name: str
    files: list[tuple[Path, Wanted]]
    views: int


def checkpoint_contract() -> Contract:
    """Of a model of 16 frames in 2.13 s, of 224 x 224 pixels."""
    fields = contract_fields(frames=FRAMES, clip_seconds=CLIP_SECONDS, size=224)
    kept = {name: fields[name] for name in ("format", "labels", "sampling", "image", "source", "accuracy")}
    return from_json(Contract, json.dumps(kept), where="benchmark")


CONTRACT = checkpoint_contract()


def wanted(times: list[Fraction], *, views: int, variable: bool) -> Wanted:
    """What the sampling rule takes of frames at `times`."""
    seconds = [float(moment) for moment in times]
    sampled = sample_views(seconds, frames=FRAMES, clip_seconds=CLIP_SECONDS, views=views)
    numbers = [list(view.indices) for view in sampled]
    return Wanted(
        numbers=numbers,
        times=[[seconds[number] for number in window] for window in numbers],
        by="time" if variable else "number",
    )


def rows(folder: Path) -> list[Row]:
    """The videos to read, written into `folder` but for the real ones."""
    found = []
    times = steady(seconds=SECONDS, rate=RATE)
    for width, height in [(320, 240), (1920, 1080)]:
        short = encode(folder / f"short-{height}.mp4", times, width=width, height=height, rate=RATE)
        long = repeat(short, folder / f"long-{height}.mp4", times=REPEATS)
        one = wanted(times, views=1, variable=False)
        five = wanted(steady(seconds=SECONDS * REPEATS, rate=RATE), views=5, variable=False)
        found.append(Row(name=f"{width}x{height}, 1 of {SECONDS} s", files=[(short, one)], views=1))
        found.append(Row(name=f"{width}x{height}, 5 of {SECONDS * REPEATS} s", files=[(long, five)], views=5))
    return [*found, avi_row(folder), phone_row(folder)]


def avi_row(folder: Path) -> Row:
    """Clips of UCF101, every other one with B-frames; without them one of that kind."""
    if data := os.environ.get("VIDCLS_TEST_DATA"):
        clips = real_avis(Path(data) / "ucf8" / "test")
        name = f"UCF101 AVI, {len(clips)} clips"
    else:
        path, times = folder / "b-frames.avi", steady(seconds=7, rate=25)
        options = {"b": "800k"}
        clips = [encode(path, times, width=320, height=240, rate=25, codec="mpeg4", options=options, b_frames=1)]
        name = "AVI with B-frames, 7 s"
    return Row(name=name, files=[(clip, wanted_of_avi(clip)) for clip in clips], views=1)


def real_avis(folder: Path) -> list[Path]:
    """One clip of each label, with and without B-frames in turn."""
    found = []
    for label, reordered in zip(sorted(folder.iterdir())[:CLIPS], cycle([True, False]), strict=False):
        clips = sorted(label.glob("*.avi"))
        found.append(next((clip for clip in clips if has_b_frames(clip) == reordered), clips[0]))
    return found


def has_b_frames(path: Path) -> bool:
    """Whether frames are stored in another order than they are shown in."""
    with av.open(str(path)) as container:
        return bool(container.streams.video[0].codec_context.has_b_frames)


def wanted_of_avi(path: Path) -> Wanted:
    """By decoding all of it, since an AVI's times mean nothing."""
    with av.open(str(path)) as container:
        rate = Fraction(container.streams.video[0].average_rate or RATE)
        frames = sum(1 for _ in container.decode(video=0))
    return wanted([Fraction(number) / rate for number in range(frames)], views=1, variable=False)


def phone_row(folder: Path) -> Row:
    """As a telephone films upright: stored lying, to be turned, 17 Mbit/s, a key frame every second."""
    times = unsteady(seconds=SECONDS)
    path = encode(
        folder / "phone.mp4",
        times,
        width=1920,
        height=1080,
        rate=RATE,
        clock=90_000,
        options={"preset": "veryfast", "b": "17M"},
        b_frames=0,
        key_frames=RATE,
    )
    turned = turn_mp4(path, degrees=90)
    return Row(
        name="phone 1080x1920, 1 of 10 s",
        files=[(turned, wanted(times, views=1, variable=True))],
        views=1,
    )


def ours(path: Path, frames: Wanted, *, decoder: Any) -> np.ndarray:
    """Crops [frames, 224, 224, 3] by vidcls."""
    clips = read_clips(path, CONTRACT, views=len(frames.numbers), decoder=decoder)
    return clips.frames.reshape(-1, *clips.frames.shape[2:])


def cropped(path: Path, frames: Wanted, *, read: Reader) -> np.ndarray:
    """Crops [frames, 224, 224, 3] of what a rival reads."""
    return np.concatenate(list(crop_frames(read(path, frames), CONTRACT.image, crops=1)))


def read_row(row: Row, read: Timed) -> list[np.ndarray]:
    return [read(path, frames) for path, frames in row.files]


def milliseconds(row: Row, read: Timed) -> float:
    """The mean of the row's files."""
    started = time.perf_counter()
    read_row(row, read)
    return (time.perf_counter() - started) * 1000 / len(row.files)


def same(row: Row, read: Timed, expected: list[np.ndarray]) -> bool:
    """Whether these are the same frames; also False where reading fails."""
    try:
        found = read_row(row, read)
    except Exception as error:  # whatever a rival raises, it has not read this row
        click.echo(f"{row.name}: {type(error).__name__}: {str(error).splitlines()[0]}", err=True)
        return False
    pairs = list(zip(found, expected, strict=True))
    return all(difference(theirs, our) < SAME_FRAME for theirs, our in pairs)


def difference(theirs: np.ndarray, our: np.ndarray) -> float:
    """Grey levels on average over the worst crop; infinite if more or fewer came."""
    if theirs.shape != our.shape:
        return float("inf")
    return float(np.abs(theirs.astype(np.int16) - our).mean(axis=(1, 2, 3)).max())


def fastest_way(row: Row, ways: dict[str, Reader], expected: list[np.ndarray]) -> tuple[str, bool]:
    """(the fastest way of those that read the same frames, or of all where none does; whether it does)."""
    timed = {name: partial(cropped, read=read) for name, read in ways.items()}
    right = [name for name, read in timed.items() if same(row, read, expected)]
    took = {}
    for name in right or timed:
        try:
            took[name] = min(milliseconds(row, timed[name]) for _ in range(TRIALS))
        except Exception:  # said by `same`
            continue
    return (min(took, key=lambda name: took[name]) if took else ""), bool(right)


def measure(row: Row, rivals: dict[str, dict[str, Reader]], *, runs: int) -> dict[str, Any]:
    """Medians in ms of vidcls and of every rival that can read it, and whether the frames are the same."""
    readers: dict[str, Timed] = {
        "vidcls": partial(ours, decoder="auto"),
        "vidcls opencv": partial(ours, decoder="opencv"),
        "vidcls pyav": partial(ours, decoder="pyav"),
    }
    expected = read_row(row, readers["vidcls pyav"])
    frames = {name: same(row, read, expected) for name, read in readers.items()}
    ways = {}
    for name, all_ways in rivals.items():
        way, right = fastest_way(row, all_ways, expected)
        if way:
            ways[name], frames[name] = way, right
            readers[name] = partial(cropped, read=all_ways[way])
    times: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(runs):
        for name, read in readers.items():
            times[name].append(milliseconds(row, read))
    medians = {name: statistics.median(values) for name, values in times.items()}
    fair = {name: medians[name] for name in rivals if name in medians and frames[name]}
    best = min(fair, key=lambda name: fair[name]) if fair else None
    return {"row": row.name, "ms": medians, "same_frames": frames, "ways": ways, "best_rival": best}


def line(result: dict[str, Any], names: list[str]) -> str:
    """One row of the table."""
    ms, best = result["ms"], result["best_rival"]
    cells = []
    for name in names:
        cell = f"{ms[name]:.1f}" if name in ms else "fails"
        if name in ms and not name.startswith("vidcls"):
            cell += f" ({ms['vidcls'] / ms[name]:.2f})"
        cells.append(f"{cell}{'' if result['same_frames'].get(name, True) else ' *':2}")
    ratio = f"{ms['vidcls'] / ms[best]:.2f}" if best else "-"
    return f"{result['row']:26}" + "".join(f"{cell:>16}" for cell in cells) + f"{ratio:>8}  {best or ''}"


def heading(names: list[str]) -> str:
    short = [name.replace("torchcodec", "tc").replace("approximate", "approx.") for name in names]
    return f"{'':26}" + "".join(f"{name + '  ':>16}" for name in short) + f"{'ratio':>8}  best rival"


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=11, show_default=True)
@click.option("--only", default="", help="Only rows whose name contains this.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write it as JSON.")
def main(runs: int, only: str, json_path: Path | None) -> None:
    """Time the reading of clips beside other libraries, and check that all read the same frames."""
    warn_if_busy()
    with TemporaryDirectory() as name:
        videos = [row for row in rows(Path(name)) if only in row.name]
        rivals, notes = installed(videos[0].files[0][0])
        versions = f"OpenCV {cv2.__version__}; Pillow {PIL.__version__}; {'; '.join(notes)}"
        machine = f"{cpu_name()}, {usable_cpus()} CPUs, Python {platform.python_version()}"
        click.echo(f"{machine}\n{versions}")
        click.echo(f"ms, median of {runs}, turn by turn; in brackets vidcls / rival; * other frames than vidcls\n")
        names = ["vidcls", "vidcls opencv", "vidcls pyav", *rivals]
        click.echo(heading(names))
        results = []
        for row in videos:
            results.append(measure(row, rivals, runs=runs))
            click.echo(line(results[-1], names))
    click.echo("\nThe ways that were fastest:")
    for result in results:
        click.echo(f"{result['row']:26}" + "; ".join(f"{rival}: {way}" for rival, way in result["ways"].items()))
    if json_path:
        json_path.write_text(
            json.dumps({"machine": machine, "versions": versions, "runs": runs, "rows": results}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
