"""A new user's first minutes, timed: from a built wheel to an annotated video and a picture of a timeline.

    make dist demo
    python tests/benchmarks/first_minutes.py [--wheel FILE] [--model FILE] [--video FILE] [--keep DIR]

Makes a fresh environment with this Python, installs the wheel in it as docs/install.md says, and runs what a new user
runs, each command as it is typed. The wheel is the one in dist, model and video are the demo's, or are generated where
there is none. pip is configured as it is on this machine; times of the installation are those of its network and cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

ROOT = Path(__file__).parents[2]
DEMO = ROOT / ".demo"
CLIP = DEMO / "data/test/left/left_0000.avi"
# Of a file that holds pictures at all.
LEAST_BYTES = 1000


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is typed, and the file that comes of it, if one does."""

    name: str
    command: list[str]
    made: str | None = None


@dataclass(frozen=True, kw_only=True)
class Done:
    """How long a step took, and what it said last, or why it was left out."""

    name: str
    seconds: float | None
    said: str


def steps(wheel: Path, clip: str) -> list[Step]:
    """All that is typed, in order, in a folder with model.onnx and a clip of that name."""
    pip = ["venv/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    vidcls = "venv/bin/vidcls"
    return [
        Step(name="make an environment", command=[sys.executable, "-m", "venv", "venv"]),
        Step(name="install the wheel", command=[*pip, f"{wheel}[cpu]"]),
        Step(name="OpenCV without a display, if needed", command=[str(ROOT / ".ci/headless.sh"), "venv"]),
        Step(name="vidcls doctor", command=[vidcls, "doctor"]),
        Step(name="vidcls verify", command=[vidcls, "verify", "model.onnx"]),
        Step(name="vidcls predict", command=[vidcls, "predict", "model.onnx", clip, "--top-k", "1"]),
        Step(
            name="vidcls timeline --plot",
            command=[vidcls, "timeline", "model.onnx", clip, "--plot", "timeline.png"],
            made="timeline.png",
        ),
        Step(
            name="vidcls annotate",
            command=[vidcls, "annotate", "model.onnx", clip, "-o", "annotated.mp4"],
            made="annotated.mp4",
        ),
    ]


def run(step: Step, folder: Path) -> Done:
    """The step, timed.

    Raises:
        ClickException: it failed, or did not make its file; a command that this wheel lacks is left out instead.
    """
    # As a new user's shell: nothing of this repository is on its path.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    start = time.perf_counter()
    found = subprocess.run(
        step.command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    seconds = time.perf_counter() - start
    if found.returncode == 2 and "No such command" in found.stderr:
        return Done(name=step.name, seconds=None, said="left out: this wheel has no such command")
    if found.returncode != 0:
        raise click.ClickException(f"'{' '.join(step.command)}' exits with {found.returncode}:\n{found.stderr}")
    lines = found.stdout.strip().splitlines()
    said = " ".join(lines[-1].split()) if lines else ""
    if step.made is not None:
        size = (folder / step.made).stat().st_size if (folder / step.made).is_file() else 0
        if size < LEAST_BYTES:
            raise click.ClickException(f"'{' '.join(step.command)}' makes {step.made} of {size} bytes")
        said = f"{step.made}, {size / 1e3:.0f} kB"
    return Done(name=step.name, seconds=seconds, said=said)


def prepare(folder: Path, model: Path | None, video: Path | None) -> str:
    """Put model.onnx and a clip into the folder, those given, the demo's, or generated ones; the clip's name."""
    if model is None and video is None and not (DEMO / "model.onnx").is_file():
        sys.path.insert(0, str(ROOT / "tests"))
        from generated import write_clip, write_model

        write_model(folder / "model.onnx", dtype="uint8")
        return write_clip(folder / "clip.avi", frames=240, codec="MJPG").name
    clip = video or CLIP
    shutil.copyfile(model or DEMO / "model.onnx", folder / "model.onnx")
    return Path(shutil.copyfile(clip, folder / f"clip{clip.suffix}")).name


def table(rows: list[Done]) -> Iterator[str]:
    """The rows in Markdown, and their sum."""
    yield from ("| step | s | |", "|---|---:|---|")
    for row in rows:
        yield f"| {row.name} | {'' if row.seconds is None else format(row.seconds, '.1f')} | {row.said} |"
    yield f"| altogether | {sum(row.seconds or 0 for row in rows):.1f} | |"


def only_wheel() -> Path:
    wheels = list((ROOT / "dist").glob("*.whl"))
    if len(wheels) != 1:
        raise click.ClickException(
            f"{ROOT / 'dist'}: has {len(wheels)} wheels; run 'make dist', or name one by --wheel"
        )
    return wheels[0]


EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path, resolve_path=True)


@click.command(help=__doc__)
@click.option("--wheel", type=EXISTING, help="The wheel to begin with.  [default: the one in dist]")
@click.option("--model", type=EXISTING, help="An exported model.  [default: the demo's, or a generated one]")
@click.option("--video", type=EXISTING, help="A video for it.  [default: the demo's, or a generated one]")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="A new folder to leave everything in.")
def main(wheel: Path | None, model: Path | None, video: Path | None, keep: Path | None) -> None:
    """Print the table."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) if keep is None else keep
        if keep is not None:
            folder.mkdir(parents=True)
        clip = prepare(folder, model, video)
        rows = []
        for step in steps(wheel or only_wheel(), clip):
            rows.append(run(step, folder))
            click.echo(f"{rows[-1].name}: {rows[-1].said}", err=True)
    for line in table(rows):
        click.echo(line)


if __name__ == "__main__":
    main()
