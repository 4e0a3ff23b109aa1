"""What a teacher is worth: the same student with and without it, at equal steps, by seeds, on the same test clips.

    python examples/motion_dataset.py /tmp/motion --clips-per-class 60 --seed 1
    python tests/benchmarks/teacher.py /tmp/motion .demo/checkpoint -o /tmp/taught --settings student.json

student.json holds settings of vidcls-train, by name, such as {"preset": "tiny", "image_size": 32, "epochs": 30}.
Several teachers are tried one after the other. Runs that are finished are not done again, and others go on. A
difference is the mean over seeds of a clip's being right with the teacher less without it, and its interval is of
footages drawn again.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from vidcls.evaluation.intervals import paired_bootstrap
from vidcls.files.run_status import SETTINGS_FILE
from vidcls_train.data.clip_list import group_by_name
from vidcls_train.finetune import train


@click.command()
@click.argument("data")
@click.argument("teachers", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option(
    "--settings", type=click.Path(path_type=Path, exists=True), required=True, help="Of the student, as JSON."
)
@click.option("--seeds", type=int, default=3)
def main(data: str, teachers: tuple[str, ...], output: Path, settings: Path, seeds: int) -> None:
    """Train each student, and compare their answers to the test clips."""
    given = json.loads(settings.read_text(encoding="utf-8"))
    output.mkdir(parents=True, exist_ok=True)
    alone = [trained(output / f"alone-{seed}", {**given, "data": data, "seed": seed}) for seed in range(seeds)]
    for teacher in teachers:
        name = Path(teacher).resolve().stem
        taught = [
            trained(output / f"{name}-{seed}", {**given, "data": data, "seed": seed, "teacher": teacher})
            for seed in range(seeds)
        ]
        compared(name, alone, taught)


def trained(folder: Path, settings: Mapping[str, Any]) -> Path:
    """Train into a folder, or go on there, if that is not done yet; returns it."""
    if not (folder / "metrics.json").exists():
        train({**settings, "output": folder, "resume": (folder / SETTINGS_FILE).exists()})
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    test, steps = metrics["test"], metrics["train"]["steps"]
    click.echo(
        f"{folder.name}: test top-1 {test['top1']:.3f}, log loss {test['log_loss']:.3f}, {steps} steps in "
        f"{metrics['train']['seconds']:.0f} s"
    )
    return folder


def compared(teacher: str, alone: list[Path], taught: list[Path]) -> None:
    """Print what the teacher's own answers are, and what its students gain."""
    fields = json.loads((taught[0] / "metrics.json").read_text(encoding="utf-8"))["teacher"]
    row, models = fields["test"], fields["models"]
    low, high = row["teacher"]["interval"]
    click.echo(
        f"\nteacher {teacher}: test top-1 {row['teacher']['top1']:.3f} ({low:.2f} to {high:.2f}), "
        f"{models['teacher']['megabytes']:.1f} MB, {models['teacher']['answer_ms']:.1f} ms an answer; its student "
        f"{models['student']['megabytes']:.1f} MB, {models['student']['answer_ms']:.1f} ms"
    )
    (videos, without), (_, beside) = right_by_clip(alone), right_by_clip(taught)
    mean, low, high = paired_bootstrap(beside, without, groups=[group_by_name(Path(video)) for video in videos])
    click.echo(
        f"{len(videos)} test clips, {len(alone)} seeds: {without.mean():.3f} without, {beside.mean():.3f} with the "
        f"teacher: {mean:+.3f} ({low:+.3f} to {high:+.3f})"
    )


def right_by_clip(runs: list[Path]) -> tuple[list[str], npt.NDArray[np.float64]]:
    """The test clips, and for each the share of runs that answered it rightly."""
    right: dict[str, list[bool]] = {}
    for run in runs:
        with (run / "predictions.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["split"] == "test":
                    right.setdefault(f"{row['label']}/{row['video']}", []).append(row["label"] == row["predicted"])
    videos = sorted(right)
    return videos, np.array([np.mean(right[video]) for video in videos])


if __name__ == "__main__":
    main()
