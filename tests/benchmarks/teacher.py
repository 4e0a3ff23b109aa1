"""What a teacher is worth: the same student with and without it, at equal steps, by seeds and folds, on the same clips.

    python examples/motion_dataset.py /tmp/motion --clips-per-class 60 --seed 1
    python tests/benchmarks/teacher.py /tmp/motion .demo/checkpoint -o /tmp/taught --settings student.json
    python tests/benchmarks/held_out.py folds ../shared/data/ucf8 -o /tmp/folds --settings large.json
    python tests/benchmarks/teacher.py ../shared/data/ucf8 '/tmp/folds/fold-{fold}' -o /tmp/taught-ucf8 \\
        --settings student.json --seeds 1 --folds 5 --minutes 60

student.json holds settings of vidcls-train, by name, such as {"preset": "tiny", "image_size": 32, "epochs": 30}.
Several teachers are tried one after the other. A difference is the mean over seeds of a clip's being right with the
teacher less without it, and its interval is of footages drawn again.

Without --folds DATA's own splits are used. With it, each fold by footage is the test once, cut as `held_out.py folds`
cuts it: {fold} in a teacher's name is the fold's number, so that no teacher was trained on what its student is tested
on.

OUT/runs.jsonl has a line for each training that is over: {"run", "teacher", "fold", "seed", "seconds", "steps", "top1",
"log_loss", "right": {clip: whether it was}, "groups": {clip: its footage}}. --minutes is the budget of one sitting: no
training begins that would end after it, as long as the longest so far. The same command goes on, in the middle of a
training if it was stopped there, and compares what is there.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.held_out import folds, joined_clips, split_settings
from vidcls.evaluation.intervals import paired_bootstrap
from vidcls.files.run_status import SETTINGS_FILE
from vidcls_train.data.clip_list import group_by_name
from vidcls_train.finetune import train

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training. teacher: as it was named; None: the student alone. fold: None for DATA's own splits."""

    teacher: str | None
    fold: int | None
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        who = "alone" if self.teacher is None else Path(self.teacher.replace("{fold}", "")).resolve().stem.strip("-_")
        return f"{who}-{self.seed}" if self.fold is None else f"{who}-fold-{self.fold}-{self.seed}"


@click.command(help=__doc__)
@click.argument("data")
@click.argument("teachers", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option(
    "--settings", type=click.Path(path_type=Path, exists=True), required=True, help="Of the student, as JSON."
)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--folds", "fold_count", type=click.IntRange(min=2), help="By footage; by default DATA's own splits.")
@click.option("--minutes", type=click.FloatRange(min=0), help="Of this sitting; by default until all is done.")
def main(
    data: str,
    teachers: tuple[str, ...],
    output: Path,
    settings: Path,
    seeds: int,
    fold_count: int | None,
    minutes: float | None,
) -> None:
    """Train what is not trained yet, and compare the answers to the test clips."""
    given = json.loads(settings.read_text(encoding="utf-8"))
    output.mkdir(parents=True, exist_ok=True)
    runs = list(_runs(teachers, seeds=seeds, folds=fold_count))
    if len({run.name for run in runs}) < len(runs):
        raise click.UsageError("two teachers have one name; name their folders or files apart")
    splits = None if fold_count is None else [split for _, split in folds(joined_clips(data, output), fold_count)]
    until = None if minutes is None else time.monotonic() + 60 * minutes
    done = finished(output)
    for run in runs:
        if run.name in done:
            continue
        longest = max((row["seconds"] for row in done.values()), default=0.0)
        if until is not None and time.monotonic() + longest > until:
            break
        folder = output / run.name
        own = {"data": data} if splits is None or run.fold is None else split_settings(splits[run.fold], folder, {})
        done[run.name] = _trained(run, {**own, **given, "seed": run.seed, "output": folder})
        with (output / "runs.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(done[run.name]) + "\n")
    left = sum(run.name not in done for run in runs)
    if left:
        click.echo(f"{left} of {len(runs)} trainings are left; the same command goes on")
    for teacher in teachers:
        _compare(teacher, runs, done, output)


def finished(output: Path) -> dict[str, Row]:
    """{run: its line} of the trainings that are over."""
    file = output / "runs.jsonl"
    rows: list[Row] = (
        [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    )
    return {row["run"]: row for row in rows}


def _runs(teachers: Sequence[str], *, seeds: int, folds: int | None) -> Iterator[Run]:
    """Those that are compared with each other one after the other, so that any beginning of them says something."""
    for seed in range(seeds):
        for fold in [None] if folds is None else range(folds):
            for teacher in (None, *teachers):
                yield Run(teacher=teacher, fold=fold, seed=seed)


def _trained(run: Run, settings: Mapping[str, Any]) -> Row:
    """Train into its folder, or go on there, if that is not done yet; returns the run's line."""
    folder: Path = settings["output"]
    if not (folder / "metrics.json").exists():
        taught = {} if run.teacher is None else {"teacher": run.teacher.replace("{fold}", str(run.fold))}
        train({**settings, **taught, "resume": (folder / SETTINGS_FILE).exists()})
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    test, took = metrics["test"], metrics["train"]
    click.echo(
        f"{run.name}: test top-1 {test['top1']:.3f}, log loss {test['log_loss']:.3f}, {took['steps']} steps in "
        f"{took['seconds']:.0f} s"
    )
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        tested = {row["video"]: row for row in csv.DictReader(file) if row["split"] == "test"}
    footage = _footage(folder.with_suffix(".csv"))
    return {
        "run": run.name,
        "teacher": run.teacher,
        "fold": run.fold,
        "seed": run.seed,
        "seconds": took["seconds"],
        "steps": took["steps"],
        "top1": test["top1"],
        "log_loss": test["log_loss"],
        "right": {video: row["label"] == row["predicted"] for video, row in tested.items()},
        "groups": {video: footage.get(video, group_by_name(Path(video))) for video in tested},
    }


def _footage(table: Path) -> dict[str, str]:
    """{clip: its footage} of a fold's table; none where there is none."""
    if not table.exists():
        return {}
    with table.open(newline="", encoding="utf-8") as file:
        return {row["path"]: row["group"] for row in csv.DictReader(file)}


def _compare(teacher: str, runs: Sequence[Run], done: Mapping[str, Row], output: Path) -> None:
    """Print what the teacher's own answers are, and what its students gain, of the pairs that are both there."""
    pairs = [
        (done[Run(teacher=None, fold=run.fold, seed=run.seed).name], done[run.name])
        for run in runs
        if run.teacher == teacher and run.name in done
    ]
    if not pairs:
        return
    sections = [
        json.loads((output / taught["run"] / "metrics.json").read_text(encoding="utf-8"))["teacher"]
        for _, taught in pairs
    ]
    counts = [section["test"]["videos"] for section in sections]
    own = np.average([section["test"]["teacher"]["top1"] for section in sections], weights=counts)
    models = sections[0]["models"]
    click.echo(
        f"\nteacher {teacher}: test top-1 {own:.3f}, {models['teacher']['megabytes']:.1f} MB, "
        f"{models['teacher']['answer_ms']:.1f} ms an answer; its student {models['student']['megabytes']:.1f} MB, "
        f"{models['student']['answer_ms']:.1f} ms"
    )
    without, beside, groups = gained(pairs)
    mean, low, high = paired_bootstrap(beside, without, groups=groups)
    click.echo(
        f"{len(groups)} test clips, {len(pairs)} pairs of trainings: {without.mean():.3f} without, {beside.mean():.3f} "
        f"with the teacher: {mean:+.3f} ({low:+.3f} to {high:+.3f})"
    )


def gained(pairs: Sequence[tuple[Row, Row]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """For each test clip the share of trainings that answered it rightly, alone and taught, and its footage."""
    clips: dict[str, list[tuple[bool, bool]]] = {}
    groups: dict[str, str] = {}
    for alone, taught in pairs:
        groups |= alone["groups"]
        for clip, right in alone["right"].items():
            clips.setdefault(clip, []).append((right, taught["right"][clip]))
    shares = np.array([np.mean(found, axis=0) for found in clips.values()])
    return shares[:, 0], shares[:, 1], [groups[clip] for clip in clips]


if __name__ == "__main__":
    main()
