"""Logits of clips that no training saw: of folds by footage, or of models that one label was left out of.

    python tests/benchmarks/held_out.py folds ../shared/data/ucf8 -o /tmp/folds
    python tests/benchmarks/held_out.py labels ../shared/data/ucf8 -o /tmp/labels --epochs 40
    python tests/benchmarks/held_out.py labels .demo/data -o /tmp/moving --settings moving.json

moving.json holds settings of vidcls-train, by name: those of `examples/demo.sh`.

Each run is one `vidcls-train --preset tiny`, whose checkpoint stays; a run that is there already is not trained again.
Five folds of ucf8's 307 clips take about 75 minutes on two quiet cores, 15 a run; --only makes some of them.
OUT/answers.jsonl then holds a line for each clip: {"run", "video", "label", "group", "split", "labels", "logits"}, of
one view in the middle; split is "val" for the clips that chose the run's epoch, "test" for those that chose nothing.
With `labels`, a clip of the label that was left out is "test" too, whichever split it came from.
"""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from sklearn.model_selection import StratifiedGroupKFold
from transformers import AutoModelForVideoClassification, PreTrainedModel

from vidcls.contract import read_checkpoint
from vidcls_train.audit.check import check_clips
from vidcls_train.config.groups import DEFAULT_CLIP_SECONDS
from vidcls_train.data.clip_list import Clip, ClipList
from vidcls_train.data.sources import find_clips
from vidcls_train.finetune import train
from vidcls_train.model.tokens import use_tokens
from vidcls_train.output.scoring import all_logits

SEED = 7
FOLDS = 5
VAL_FOLDS = 8  # of what a fold is not tested on, one in so many chooses the epoch

Split = dict[str, list[Clip]]


@click.command()
@click.argument("how", type=click.Choice(["folds", "labels"]))
@click.argument("data")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--epochs", type=int)
@click.option("--settings", type=click.Path(path_type=Path, exists=True), help="Settings of vidcls-train, as JSON.")
@click.option("--only", multiple=True, help="Names of runs; by default all.")
def main(how: str, data: str, output: Path, epochs: int | None, settings: Path | None, only: tuple[str, ...]) -> None:
    """Train, and write the logits of the clips that were held out."""
    output.mkdir(parents=True, exist_ok=True)
    given = {"epochs": epochs} | ({} if settings is None else json.loads(settings.read_text(encoding="utf-8")))
    joined = joined_clips(data, output)
    runs = dict(folds(joined, FOLDS) if how == "folds" else _left_out(joined))
    answers = output / "answers.jsonl"
    done = {json.loads(line)["run"] for line in answers.read_text().splitlines()} if answers.exists() else set()
    for name, split in runs.items():
        if name in done or (only and name not in only):
            continue
        folder = output / name
        if not (folder / "metrics.json").exists():
            train(split_settings(split, folder, given), on_epoch=click.echo)
        # All at once: a run with any of them counts as done.
        lines = [json.dumps(row) + "\n" for row in answers_of(trained_model(folder), split, folder, run=name)]
        with answers.open("a", encoding="utf-8") as file:
            file.writelines(lines)


def joined_clips(data: str, output: Path) -> ClipList:
    """The readable clips, copies and clips of one scene in one group, with DATA's own splits."""
    found = find_clips(data, unpack_to=output / "data")
    checked = check_clips(
        dataclasses.replace(found, split_names=None), val_fraction=0.15, seed=SEED, clip_seconds=DEFAULT_CLIP_SECONDS
    )
    own = dict(zip((clip.path for clip in found.clips), found.split_names or [], strict=False))
    clips = [clip for split in ("train", "val", "test") for clip in getattr(checked.splits, split)]
    clips.sort(key=lambda clip: clip.path)
    return ClipList(name=data, clips=clips, split_names=[own[clip.path] for clip in clips] if own else None, empty=[])


def folds(found: ClipList, count: int) -> Iterator[tuple[str, Split]]:
    """(name, clips by split) of so many folds by footage, each of which is the test once."""
    labels, groups = [clip.label for clip in found.clips], [clip.group for clip in found.clips]
    outer = StratifiedGroupKFold(count, shuffle=True, random_state=SEED)
    for number, (rest, test) in enumerate(outer.split(found.clips, labels, groups)):
        inner = StratifiedGroupKFold(VAL_FOLDS, shuffle=True, random_state=SEED)
        kept, val = next(inner.split(rest, [labels[index] for index in rest], [groups[index] for index in rest]))
        yield (
            f"fold-{number}",
            {
                "train": [found.clips[rest[index]] for index in kept],
                "val": [found.clips[rest[index]] for index in val],
                "test": [found.clips[index] for index in test],
            },
        )


def _left_out(found: ClipList) -> Iterator[tuple[str, Split]]:
    if found.split_names is None:
        raise click.UsageError("labels needs DATA with train/, val/ and test/")
    for left_out in found.labels:
        split: Split = {"train": [], "val": [], "test": []}
        for clip, name in zip(found.clips, found.split_names, strict=True):
            split["test" if clip.label == left_out else name].append(clip)
        yield f"without-{left_out}", split


def split_settings(split: Split, folder: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a training on the splits, into a folder with a table beside it; labels in test alone are left out."""
    known = {clip.label for clip in split["train"]}
    table = folder.with_suffix(".csv")
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "group", "split"])
        rows.writerows(
            [clip.path.absolute(), clip.label, clip.group, name]
            for name, clips in split.items()
            for clip in clips
            if clip.label in known
        )
    settings = {"data": str(table), "output": folder, "preset": "tiny", "seed": SEED, "allow_duplicates": True}
    return {**settings, **given}


def trained_model(folder: Path) -> PreTrainedModel:
    """A run's model, which sees the tokens that its contract states."""
    model = AutoModelForVideoClassification.from_pretrained(folder)
    contract = read_checkpoint(folder)
    use_tokens(model, contract.tokens, image=contract.image)
    return model


def answers_of(model: PreTrainedModel, split: Split, folder: Path, *, run: str) -> Iterator[dict[str, object]]:
    """A row for each clip of a split's "val" and "test", as answers.jsonl has them. folder: of the run."""
    contract = read_checkpoint(folder)
    for name in ("val", "test"):
        clips = split[name]
        logits = all_logits(model, [clip.footage for clip in clips], contract, views=1, crops=1, label=f"{run} {name}")
        for clip, row in zip(clips, logits, strict=True):
            yield {
                "run": run,
                "video": str(clip.path),
                "label": clip.label,
                "group": clip.group,
                "split": name,
                "labels": contract.labels,
                "logits": row.tolist(),
            }


if __name__ == "__main__":
    main()
