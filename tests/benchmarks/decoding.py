"""Time the reading of clips beside PyAV, torchcodec and decord: python tests/benchmarks/decoding.py [--json FILE]

The same for all, turn by turn, so that a slow spell meets all: open, seek, decode, RGB, resize, crop. vidcls is
`read_clips`, from the file to the clips, and finds out for itself which frames there are, and when. The others
are told which frames are wanted, are read in whichever of their ways is fastest here, and their frames are
resized and cropped by our own threads, while they decode where they hand out frames one by one.
Trust the ratios, not the times. VIDCLS_TEST_DATA=DIR gives the row of real AVIs.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import click
import cv2
import numpy as np
import PIL

from benchmarks.decoding_rows import CLIP_SECONDS, FRAMES, VIDEOS, Row
from benchmarks.machine import warn_if_busy
from benchmarks.rivals import FROM_START, Reader, Wanted, installed
from generated import CHECKPOINT_SECTIONS, contract_fields
from vidcls.clips import read_clips
from vidcls.contract import Contract, from_json
from vidcls.cpus import cpu_name, usable_cpus
from vidcls.preprocessing import crop_frame, crop_frames

TRIALS = 3  # of every way of a rival, before the fastest is measured
# Grey levels, on average over a crop, that libraries may be apart since they turn YUV into RGB by slightly different
# arithmetic (here they do not). The frame before or after is over ten away in generated footage, and one or two in
# a real clip in which little moves.
SAME_FRAME = 0.5

NAME_WIDTH = 29

Timed = Callable[[Path, Wanted], np.ndarray]
Verdict = Literal["same", "other", "fails"]  # frames; or none at all


def checkpoint_contract() -> Contract:
    """Of a model of 16 frames in 2.13 s, of 224 x 224 pixels."""
    fields = contract_fields(frames=FRAMES, clip_seconds=CLIP_SECONDS, size=224)
    kept = {name: fields[name] for name in CHECKPOINT_SECTIONS}
    return from_json(Contract, json.dumps(kept), where="benchmark")


CONTRACT = checkpoint_contract()


def ours(path: Path, frames: Wanted, *, decoder: Any) -> np.ndarray:
    """Crops [frames, 224, 224, 3] by vidcls."""
    clips = read_clips(path, CONTRACT, views=len(frames.numbers), decoder=decoder)
    return clips.frames.reshape(-1, *clips.frames.shape[2:])


def cropped(path: Path, frames: Wanted, *, read: Reader) -> np.ndarray:
    """Crops [frames, 224, 224, 3] of what a rival reads."""
    crop = partial(crop_frame, image=CONTRACT.image, crops=1)
    return np.concatenate(list(crop_frames(read(path, frames), crop)))


def read_row(row: Row, read: Timed) -> list[np.ndarray]:
    return [read(path, frames) for path, frames in row.files]


def milliseconds(row: Row, read: Timed) -> float:
    """The mean of the row's files; infinite where a library fails, as decord now and then does at a file's end."""
    started = time.perf_counter()
    if attempt(row, read) is None:
        return float("inf")
    return (time.perf_counter() - started) * 1000 / len(row.files)


def attempt(row: Row, read: Timed) -> list[np.ndarray] | None:
    """The crops of each file, or None where reading one fails, which is said on stderr."""
    try:
        return read_row(row, read)
    except Exception as error:  # noqa: BLE001 whatever a rival raises, it has not read this row
        click.echo(f"{row.name}: {type(error).__name__}: {str(error).splitlines()[0]}", err=True)
        return None


def verdict(row: Row, read: Timed, expected: list[np.ndarray]) -> Verdict:
    """Whether what is read are these frames."""
    found = attempt(row, read)
    if found is None:
        return "fails"
    pairs = zip(found, expected, strict=True)
    return "same" if all(difference(theirs, our) < SAME_FRAME for theirs, our in pairs) else "other"


def difference(theirs: np.ndarray, our: np.ndarray) -> float:
    """Grey levels on average over the worst crop; infinite if more or fewer came."""
    if theirs.shape != our.shape:
        return float("inf")
    return float(np.abs(theirs.astype(np.int16) - our).mean(axis=(1, 2, 3)).max())


def fastest_way(row: Row, ways: dict[str, Reader], expected: list[np.ndarray]) -> tuple[str, Verdict] | None:
    """The fastest way of those that read the same frames, or of all where none does; None where all fail."""
    several = len(row.files[0][1].numbers) > 1  # views, far apart: who decodes from the start is not tried
    timed = {
        name: partial(cropped, read=read)
        for name, read in ways.items()
        if not (several and name.startswith(FROM_START))
    }
    verdicts = {name: verdict(row, read, expected) for name, read in timed.items()}
    for wished in ("same", "other"):
        took = {
            name: min(milliseconds(row, timed[name]) for _ in range(TRIALS))
            for name, found in verdicts.items()
            if found == wished
        }
        if took:
            way = min(took, key=lambda name: took[name])
            return way, verdicts[way]
    return None


def measure(row: Row, rivals: dict[str, dict[str, Reader]], *, runs: int) -> dict[str, Any]:
    """Medians in ms of vidcls and of every rival that can read the row, and whether the frames are the same."""
    readers: dict[str, Timed] = {
        "vidcls": partial(ours, decoder="auto"),
        "vidcls opencv": partial(ours, decoder="opencv"),
        "vidcls pyav": partial(ours, decoder="pyav"),
    }
    expected = read_row(row, readers["vidcls pyav"])
    verdicts = {name: verdict(row, read, expected) for name, read in readers.items()}
    ways = {name: found for name, all_ways in rivals.items() if (found := fastest_way(row, all_ways, expected))}
    for name, (way, decided) in ways.items():
        readers[name], verdicts[name] = partial(cropped, read=rivals[name][way]), decided
    times: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(runs):
        for name, read in readers.items():
            times[name].append(milliseconds(row, read))
    medians = {name: statistics.median(values) for name, values in times.items()}
    right = [name for name in ways if verdicts[name] == "same"]
    return {
        "row": row.name,
        "ms": medians,
        "frames": verdicts,
        "ways": {name: way for name, (way, _) in ways.items()},
        "best_rival": min(right, key=lambda name: medians[name], default=None),
    }


def line(result: dict[str, Any], names: list[str]) -> str:
    """One row of the table."""
    ms, best = result["ms"], result["best_rival"]
    cells = []
    for name in names:
        cell = f"{ms[name]:.1f}" if name in ms else "fails"
        if name in ms and not name.startswith("vidcls"):
            cell += f" ({ms['vidcls'] / ms[name]:.2f})"
        cells.append(f"{cell}{' *' if result['frames'].get(name) == 'other' else '  '}")
    ratio = f"{ms['vidcls'] / ms[best]:.2f}" if best else "-"
    return f"{result['row']:{NAME_WIDTH}}" + "".join(f"{cell:>16}" for cell in cells) + f"{ratio:>8}  {best or ''}"


def heading(names: list[str]) -> str:
    short = [name.replace("torchcodec", "tc").replace("approximate", "approx.") for name in names]
    return f"{'':{NAME_WIDTH}}" + "".join(f"{name + '  ':>16}" for name in short) + f"{'ratio':>8}  best rival"


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=11, show_default=True)
@click.option("--only", type=click.Choice([*VIDEOS]), multiple=True, help="Only these videos.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write it as JSON.")
def main(runs: int, only: tuple[str, ...], json_path: Path | None) -> None:
    """Time the reading of clips beside other libraries, and check that all read the same frames."""
    warn_if_busy()
    with TemporaryDirectory() as name:
        rows = [row for kind in only or VIDEOS for row in VIDEOS[kind](Path(name))]
        rivals, notes = installed(rows[0].files[0][0])
        versions = f"OpenCV {cv2.__version__}; Pillow {PIL.__version__}; {'; '.join(notes)}"
        machine = f"{cpu_name()}, {usable_cpus()} CPUs, Python {platform.python_version()}"
        click.echo(f"\n{machine}\n{versions}")
        click.echo(f"ms, median of {runs}, turn by turn; in brackets vidcls / rival; * other frames than vidcls\n")
        names = ["vidcls", "vidcls opencv", "vidcls pyav", *rivals]
        click.echo(heading(names))
        results = []
        for row in rows:
            results.append(measure(row, rivals, runs=runs))
            click.echo(line(results[-1], names))
    click.echo("\nThe ways that were fastest:")
    for result in results:
        click.echo(
            f"{result['row']:{NAME_WIDTH}}" + "; ".join(f"{rival}: {way}" for rival, way in result["ways"].items())
        )
    if json_path:
        json_path.write_text(
            json.dumps({"machine": machine, "versions": versions, "runs": runs, "rows": results}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
