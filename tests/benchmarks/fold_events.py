"""Events in long files by models without clips of none: python tests/benchmarks/fold_events.py FOLDS OTHER [--only N]

FOLDS is what `held_out.py folds` wrote, OTHER a folder of footage that shows none of the labels. Each fold's test clips
are joined with OTHER as in events.py, and answered by that fold's model, exported. Its decision is fitted here as
`vidcls-train` fits it, on the validation clips of that fold, which chose its epoch. Prints, over the files of all folds
together, the model's own rule, the rule that it would have without one (0.6, 0.4 and 0 s), and plain scores under every
threshold.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import click
import numpy as np

from benchmarks.events import THRESHOLDS, Rows, joined, line, scored
from vidcls import VideoClassifier
from vidcls.contract import Contract, Decision, read_checkpoint
from vidcls.evaluation.answers import Answers, answers_of
from vidcls.fitting.decision import fit_decision
from vidcls.video.folders import list_videos
from vidcls_export.exporter import export

TARGET_PRECISION = 0.9  # as vidcls-train's


@click.command()
@click.argument("folds", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("other", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--only", type=int, multiple=True, help="Numbers of folds; by default all.")
@click.option("--videos", type=click.IntRange(min=2), default=4, show_default=True, help="To a fold.")
@click.option("--stretches", type=click.IntRange(min=2), default=8, show_default=True)
def main(folds: Path, other: Path, only: tuple[int, ...], videos: int, stretches: int) -> None:
    """Join each fold's test clips and other footage, and compare rules for events."""
    own: Rows = []
    usual: Rows = []
    labels: tuple[str, ...] = ()
    for table in sorted(folds.glob("fold-*.csv")):
        if only and int(table.stem.removeprefix("fold-")) not in only:
            continue
        contract = read_checkpoint(folds / table.stem)
        labels, decision = contract.labels, _decision(folds, table.stem, contract)
        with TemporaryDirectory() as folder:
            model = Path(folder) / "model.onnx"
            export(folds / table.stem, model)
            rows = joined(
                VideoClassifier(model),
                _test_clips(table),
                list_videos(other),
                seeds=range(videos),
                stretches=stretches,
            )
        click.echo(f"{table.stem}: temperature {decision.temperature:.2f}, {decision.events}")
        own += _decided(rows, decision)
        usual += _decided(rows, replace(decision, events=None))
    hours = sum(seconds for _, _, seconds in own) / 3600
    click.echo(f"{len(own)} files, {hours:.2f} hours, {sum(len(truth) for truth, _, _ in own)} events")
    click.echo(line("the models' rules", scored(own, list(labels), threshold=None)))
    click.echo(line("without: 0.6, 0.4 and 0 s", scored(usual, list(labels), threshold=None)))
    for threshold in THRESHOLDS:
        click.echo(line(f"plain scores, threshold {threshold:g}", scored(own, list(labels), threshold=threshold)))


def _decision(folds: Path, run: str, contract: Contract) -> Decision:
    rows = map(json.loads, (folds / "answers.jsonl").read_text(encoding="utf-8").splitlines())
    chosen = [row for row in rows if row["run"] == run and row["split"] == "val"]
    logits = np.array([row["logits"] for row in chosen], np.float32)
    validation: Answers = answers_of(logits, [contract.labels.index(row["label"]) for row in chosen], contract.labels)
    fitted = fit_decision(
        validation,
        contract.labels,
        activation=contract.decision.activation,
        none_label=None,
        negatives=None,
        target_precision=TARGET_PRECISION,
        split="val",
        views=1,
        crops=1,
        clip_seconds=contract.sampling.clip_seconds,
    )
    return fitted.decision


def _test_clips(table: Path) -> dict[str, list[Path]]:
    clips: dict[str, list[Path]] = defaultdict(list)
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["split"] == "test":
                clips[row["label"]].append(Path(row["path"]))
    return {label: sorted(paths) for label, paths in sorted(clips.items())}


def _decided(rows: Rows, decision: Decision) -> Rows:
    """The same answers under another decision."""
    return [
        (
            truth,
            [replace(record, prediction=replace(record.prediction, decision=decision)) for record in records],
            seconds,
        )
        for truth, records, seconds in rows
    ]


if __name__ == "__main__":
    main()
