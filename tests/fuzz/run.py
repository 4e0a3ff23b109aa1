"""Break videos at random and show that each ends in a prediction or a VidclsError, in time and memory.

    python tests/fuzz/run.py --mutants 3000 --seed 0
    python tests/fuzz/run.py --seed 0 --only 1234 --keep broken.video

Prints a table, then every violation with its number; exit code 1 if there is one. Takes its files from the
folder that VIDCLS_TEST_DATA names, where it is set, and otherwise only those it generates.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import click

from fuzz.harness import LIMIT_MB, Result, run
from fuzz.mutants import mutant, originals
from generated import write_model


def table(results: list[Result]) -> str:
    """Outcomes and how many, the slowest and the one that took most memory."""
    lines = [f"{count:6}  {outcome}" for outcome, count in Counter(result.outcome for result in results).most_common()]
    if not results:
        return ""
    slowest = max(results, key=lambda result: result.seconds)
    largest = max(results, key=lambda result: result.grown_mb)
    return "\n".join(
        [
            *lines,
            f"{sum(result.grown_mb > LIMIT_MB for result in results):6}  grew by more than {LIMIT_MB:.0f} MB",
            f"slowest {slowest.seconds:.2f} s (mutant {slowest.number}, {slowest.description})",
            f"largest growth {largest.grown_mb:.0f} MB (mutant {largest.number}, {largest.description})",
        ]
    )


def refusals(results: list[Result]) -> str:
    """What the errors say, most frequent first, without the names of files."""
    texts = Counter(
        result.message.split(": ", 1)[-1] for result in results if result.outcome not in ("answered", "crashed")
    )
    return "\n".join(f"{count:6}  {text}" for text, count in texts.most_common(15))


@click.command(help=__doc__)
@click.option("--mutants", default=3000, show_default=True, help="How many.")
@click.option("--seed", default=0, show_default=True)
@click.option("--workers", default=1, show_default=True, help="Processes at a time.")
@click.option("--only", type=int, multiple=True, help="Only the mutant of this number; may be repeated.")
@click.option("--keep", type=click.Path(path_type=Path), help="Write the last mutant of --only here.")
def main(mutants: int, seed: int, workers: int, only: tuple[int, ...], keep: Path | None) -> None:
    named = os.environ.get("VIDCLS_TEST_DATA")
    with TemporaryDirectory() as name:
        folder = Path(name)
        chosen = originals(folder / "originals", real=Path(named) if named else None)
        model = write_model(folder / "model.onnx")
        numbers = only or range(mutants)
        if keep is not None:
            keep.write_bytes(mutant(chosen, seed=seed, number=numbers[-1])[1])
        started = time.perf_counter()
        results = run(chosen, model=model, folder=folder, seed=seed, numbers=numbers, workers=workers)
        seconds = time.perf_counter() - started
    click.echo(f"{len(results)} mutants of {len(chosen)} files, seed {seed}, {seconds:.0f} s\n{table(results)}\n")
    click.echo(f"{refusals(results)}\n")
    bad = [result for result in results if result.is_bad]
    for result in bad:
        click.echo(
            f"VIOLATION mutant {result.number} ({result.description}): {result.outcome}, {result.message}, "
            f"{result.seconds:.1f} s, {result.grown_mb:.0f} MB"
        )
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
