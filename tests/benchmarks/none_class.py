"""A class for clips that show none of the labels, or flat targets for them: which tells unknown clips better?

    python tests/benchmarks/none_class.py .demo/data -o /tmp/none --settings moving.json

For each label of DATA: clips of the next label are given to training as `_none`, those of the label itself are never
shown to it, and the others are what it is to know. Two trainings each, `vidcls-train --preset tiny`: with `_none` as a
class, and with the probability of such clips spread evenly over the other labels, whose logits alone then count.

Prints, on DATA's test clips, top-1 of the known labels, and the AUROC by the largest probability of a known label:
of known clips against `_none` clips of the kind that was trained with, and against those never shown. Differences are
paired, with intervals by drawing clips again. A run that is there already is not trained again.

moving.json holds settings of vidcls-train, by name: those of `examples/demo.sh`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args
from unittest.mock import patch

import click
import numpy as np
import torch
from transformers import VideoMAEForVideoClassification

from vidcls.contract import read_checkpoint
from vidcls.decision import softmax
from vidcls.evaluation.curves import weighted_auroc
from vidcls.evaluation.intervals import blocks, draw, percentile_interval
from vidcls_train.data.clip_list import NONE_LABEL, Clip
from vidcls_train.data.sources import find_clips
from vidcls_train.finetune import train
from vidcls_train.model.tokens import use_tokens
from vidcls_train.output.scoring import all_logits
from vidcls_train.trainer import classification

Way = Literal["class", "flat"]
SEED = 7
CLASS_LOSS = classification.softmax_loss


@click.command()
@click.argument("data")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--settings", type=click.Path(path_type=Path, exists=True), help="Settings of vidcls-train, as JSON.")
def main(data: str, output: Path, settings: Path | None) -> None:
    """Train both ways, and compare."""
    output.mkdir(parents=True, exist_ok=True)
    given = {} if settings is None else json.loads(settings.read_text(encoding="utf-8"))
    found = find_clips(data, unpack_to=output / "data")
    clips = [(clip, split) for clip, split in zip(found.clips, found.split_names or [], strict=True)]
    rows = [_compared(clips, found.labels, number, output, given) for number in range(len(found.labels))]
    for name in ("trained", "unseen"):
        differences = np.stack([row[name]["flat"] - row[name]["class"] for row in rows])
        low, high = percentile_interval(differences[:, 1:].mean(axis=0))
        click.echo(
            f"all: AUROC flat less class, {name} none {differences[:, 0].mean():+.3f} ({low:+.3f} to {high:+.3f})"
        )


def _compared(
    clips: list[tuple[Clip, str]], labels: Sequence[str], number: int, output: Path, given: dict[str, Any]
) -> dict[str, dict[str, np.ndarray]]:
    """AUROC by kind of none and by way, [1 + draws]: of all test clips, then of each draw."""
    unseen, none = labels[number], labels[(number + 1) % len(labels)]
    areas: dict[str, dict[str, np.ndarray]] = {"trained": {}, "unseen": {}}
    line = [f"never shown {unseen}, none {none}:"]
    for way in get_args(Way):
        folder = output / f"{unseen}-{way}"
        if not (folder / "metrics.json").exists():
            _train(clips, folder, unseen=unseen, none=none, way=way, given=given)
        scores, kinds, right = _scored(clips, folder, unseen=unseen, none=none, way=way)
        for name, kind in (("trained", none), ("unseen", unseen)):
            areas[name][way] = _areas(scores[kinds == "known"], scores[kinds == kind])
        line.append(f"{way} top-1 {right:.3f}, AUROC {areas['trained'][way][0]:.3f} and {areas['unseen'][way][0]:.3f};")
    click.echo(" ".join(line))
    return areas


def _train(
    clips: list[tuple[Clip, str]], folder: Path, *, unseen: str, none: str, way: Way, given: dict[str, Any]
) -> None:
    table = folder.with_suffix(".csv")
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "split"])
        rows.writerows(
            [clip.path.absolute(), NONE_LABEL if clip.label == none else clip.label, split]
            for clip, split in clips
            if clip.label != unseen
        )
    settings = {"data": str(table), "output": folder, "preset": "tiny", "seed": SEED, "allow_duplicates": True}
    with patch.object(classification, "softmax_loss", flat_loss if way == "flat" else CLASS_LOSS):
        train({**settings, **given}, on_epoch=click.echo)


def flat_loss(
    logits: torch.Tensor, targets: torch.Tensor, *, class_weights: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """The loss without the none label's logit, its share of the targets spread evenly; that label sorts first."""
    spread = targets[:, 1:] + targets[:, :1] / (targets.shape[1] - 1)
    return CLASS_LOSS(logits[:, 1:], spread, class_weights=class_weights[1:], smoothing=smoothing)


def _scored(
    clips: list[tuple[Clip, str]], folder: Path, *, unseen: str, none: str, way: Way
) -> tuple[np.ndarray, np.ndarray, float]:
    """Of each test clip its score and kind ("known", or the label it is of), and top-1 of the known ones."""
    contract = read_checkpoint(folder)
    model = VideoMAEForVideoClassification.from_pretrained(folder)
    use_tokens(model, contract.tokens, image=contract.image)
    assert contract.labels[0] == NONE_LABEL
    tested = [clip for clip, split in clips if split == "test"]
    logits = all_logits(model, [clip.footage for clip in tested], contract, views=1, crops=1, label=folder.name)
    shares = softmax(logits[:, 1:]) if way == "flat" else softmax(logits)[:, 1:]
    kinds = np.array([clip.label if clip.label in (unseen, none) else "known" for clip in tested])
    right = [contract.labels[1 + best] == clip.label for best, clip in zip(shares.argmax(axis=1), tested, strict=True)]
    return shares.max(axis=1), kinds, float(np.array(right)[kinds == "known"].mean())


def _areas(known: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.concatenate(list(_drawn_areas(known, others)))


def _drawn_areas(known: np.ndarray, others: np.ndarray) -> Iterator[np.ndarray]:
    """The area of all clips, then those of draws that are the same for every model."""
    yield weighted_auroc(known, others, np.ones((1, len(known))), np.ones((1, len(others))))
    rng = np.random.default_rng(0)
    for rows in blocks(len(known) + len(others)):
        yield weighted_auroc(known, others, draw(len(known), rows, rng), draw(len(others), rows, rng))


if __name__ == "__main__":
    main()
