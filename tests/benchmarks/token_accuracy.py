"""What fewer tokens cost in accuracy, on clips that no training saw: the models of held_out.py, at every share.

    python tests/benchmarks/held_out.py folds ../shared/data/ucf8 -o /tmp/folds
    python tests/benchmarks/token_accuracy.py /tmp/folds [--trained-for /tmp/folds-quarter] [--views]

Each fold's model answers its own test clips with all tokens, with lattices of a half, a quarter and an eighth, with as
many that move most, and with as many drawn at random for each clip. With --trained-for, the folds that were trained for
fewer tokens (`held_out.py folds ... --settings FILE` with {"tokens": "lattice:0.25"}) answer with theirs, and are
compared with the others' all. With --views, what the lattices save is spent on views: 2 of a half, 4 of a quarter and 8
of an eighth are as many tokens as one view with all. Top-1 over all clips together; differences are paired, with
intervals that draw whole groups of footage again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from transformers import VideoMAEForVideoClassification

from vidcls.contract import Contract, Tokens, read_checkpoint
from vidcls.evaluation.intervals import paired_bootstrap, wilson_interval
from vidcls_train.data.clip_list import Footage
from vidcls_train.model.families import token_grid
from vidcls_train.model.tokens import use_tokens
from vidcls_train.output.scoring import all_logits

SHARES = (0.5, 0.25, 0.125)
SEED = 7

Rows = Sequence[dict[str, Any]]
Load = Callable[[Path, Contract], VideoMAEForVideoClassification]


@click.command()
@click.argument("folds", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--trained-for", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--views", "in_views", is_flag=True, help="Also answer in so many views as cost what all tokens do.")
def main(folds: Path, trained_for: Path | None, in_views: bool) -> None:
    """Answer every test clip in every way, and print how accuracies differ."""
    rows = _rows(folds)
    groups = [row["group"] for row in rows]
    right: dict[str, np.ndarray] = {}
    for way, load in _ways().items():
        right[way] = _right(rows, folds, load)
    if in_views:
        for share in SHARES:
            count = round(1 / share)
            load = partial(_with_some, tokens=Tokens(rule="lattice", share=share))
            right[f"lattice {share:g}, {count} views"] = _right(rows, folds, load, views=count)
        right["all, 8 views"] = _right(rows, folds, _own, views=8)
    if trained_for is not None:
        right["trained for its tokens"] = _right(_rows(trained_for), trained_for, _own)
    click.echo(f"{len(rows)} clips of {len(set(groups))} groups")
    for way, found in right.items():
        low, high = wilson_interval(int(found.sum()), len(found))
        line = f"{way:<28} top-1 {found.mean():.3f} ({low:.3f} to {high:.3f})"
        if way != "all":
            mean, low, high = paired_bootstrap(found.astype(float), right["all"].astype(float), groups=groups)
            line += f"  less all: {mean:+.3f} ({low:+.3f} to {high:+.3f})"
        click.echo(line)


def _rows(folds: Path) -> list[dict[str, Any]]:
    """Of every test clip, in one order for every folder."""
    lines = (folds / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted((row for row in map(json.loads, lines) if row["split"] == "test"), key=lambda row: row["video"])


def _ways() -> dict[str, Load]:
    ways: dict[str, Load] = {"all": _own}
    for share in SHARES:
        ways[f"lattice {share:g}"] = partial(_with_some, tokens=Tokens(rule="lattice", share=share))
        ways[f"moving {share:g}"] = partial(_with_some, tokens=Tokens(rule="moving", share=share))
        ways[f"random {share:g}"] = partial(_with_random, share=share)
    return ways


def _right(rows: Rows, folds: Path, load: Load, *, views: int = 1) -> np.ndarray:
    """Whether each clip is answered rightly, in the order of the rows, each by the model of its own fold."""
    found = np.zeros(len(rows), bool)
    for run in sorted({row["run"] for row in rows}):
        folder = folds / run
        contract = read_checkpoint(folder)
        places = [place for place, row in enumerate(rows) if row["run"] == run]
        clips = [Footage(Path(rows[place]["video"])) for place in places]
        logits = all_logits(load(folder, contract), clips, contract, views=views, crops=1, label=run)
        for place, best in zip(places, logits.argmax(axis=1), strict=True):
            found[place] = contract.labels[best] == rows[place]["label"]
    return found


def _own(folder: Path, contract: Contract) -> VideoMAEForVideoClassification:
    model = VideoMAEForVideoClassification.from_pretrained(folder)
    use_tokens(model, contract.tokens, image=contract.image)
    return model


def _with_some(folder: Path, contract: Contract, *, tokens: Tokens) -> VideoMAEForVideoClassification:
    model = VideoMAEForVideoClassification.from_pretrained(folder)
    use_tokens(model, tokens, image=contract.image)
    return model


def _with_random(folder: Path, _contract: Contract, *, share: float) -> VideoMAEForVideoClassification:
    """With other tokens for every clip."""
    model = VideoMAEForVideoClassification.from_pretrained(folder)
    every = int(np.prod(token_grid(model.config)))
    generator = torch.Generator().manual_seed(SEED)

    def keep(_module: torch.nn.Module, _inputs: Any, embedded: torch.Tensor) -> torch.Tensor:
        chosen = torch.randperm(every, generator=generator)[: round(share * every)].sort().values
        return embedded[:, chosen]

    model.videomae.embeddings.register_forward_hook(keep)
    return model


if __name__ == "__main__":
    main()
