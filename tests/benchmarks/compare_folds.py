"""Two recipes on the same clips, which none of their models was trained on: which is right more often, by how much.

    python tests/benchmarks/held_out.py folds ../shared/data/ucf8 -o /tmp/scratch
    python tests/benchmarks/held_out.py folds ../shared/data/ucf8 -o /tmp/base --settings base.json
    python tests/benchmarks/compare_folds.py /tmp/scratch /tmp/base

Clips that only one of them has answered are left out, and with --without fold-1 those of a fold that chose something.
The interval of the difference draws whole groups of footage again, as clips of one scene are right or wrong together.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from vidcls.evaluation.intervals import paired_bootstrap, wilson_interval

Row = dict[str, Any]
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.argument("first", type=FOLDER)
@click.argument("second", type=FOLDER)
@click.option("--without", multiple=True, help="Name of a run whose clips are left out.")
def main(first: Path, second: Path, without: tuple[str, ...]) -> None:
    """Print the top-1 of both, and the second less the first."""
    rows = [_test_rows(folder, without=without) for folder in (first, second)]
    shared = sorted(rows[0].keys() & rows[1].keys())
    if not shared:
        raise click.UsageError(f"{first} and {second} have answered no clip in common")
    groups = [rows[0][video]["group"] for video in shared]
    click.echo(f"{len(shared)} clips of {len(set(groups))} groups")
    right = [_right([found[video] for video in shared]) for found in rows]
    for folder, found in zip((first, second), right, strict=True):
        low, high = wilson_interval(int(found.sum()), len(found))
        click.echo(f"{folder}: top-1 {found.mean():.3f} ({low:.3f} to {high:.3f})")
    mean, low, high = paired_bootstrap(right[1], right[0], groups=groups)
    click.echo(f"second less first: {mean:+.3f} ({low:+.3f} to {high:+.3f})")


def _test_rows(folder: Path, *, without: Sequence[str]) -> dict[str, Row]:
    """{video: row} of the clips that chose nothing."""
    lines = (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    rows = (row for row in map(json.loads, lines) if row["split"] == "test" and row["run"] not in without)
    return {row["video"]: row for row in rows}


def _right(rows: Sequence[Row]) -> npt.NDArray[np.float64]:
    return np.array([row["labels"][int(np.argmax(row["logits"]))] == row["label"] for row in rows], np.float64)


if __name__ == "__main__":
    main()
