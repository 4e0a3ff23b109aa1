"""Hostile and damaged model files: show that each ends in a ModelError of one line, or a right answer, within limits.

    python tests/fuzz/models.py
    python tests/fuzz/models.py --quick
    python tests/fuzz/models.py --only "an endless loop" --keep loop.onnx

Opens, asks and verifies each in a process that may hold 1 GB, and prints a table; exit code 1 if one did anything else.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import click

from fuzz.harness import LIMIT_SECONDS, Worker
from fuzz.model_mutants import Mutant, model_mutants
from generated import write_model

SCRIPT = Path(__file__).with_name("model_worker.py")
LIMIT_MB = 1000.0
LONGEST_SENTENCE = 1000
GOOD = ("ModelError", "right answer", "failed verification")

# What takes seconds, on purpose.
SLOW = (
    "minutes of work",
    "empty lists",
    "many keys",
    "among many",
    "nothing but",
    "doubling",
    "product",
    "12 MB",
    "13 MB",
)
EVERY = 5


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one file."""

    description: str
    outcome: str
    message: str
    seconds: float
    peak_mb: float

    @property
    def is_bad(self) -> bool:
        """Whether this is anything but a right answer or one bounded line, in time and memory."""
        line = len(self.message) <= LONGEST_SENTENCE and self.message.isprintable()
        within = self.seconds <= LIMIT_SECONDS and self.peak_mb <= LIMIT_MB
        return not (self.outcome in GOOD and line and within)


def run_models(mutants: Iterable[Mutant], folder: Path) -> Iterator[Result]:
    """Put them through a worker, one after the other."""
    worker = Worker(write_model(folder / "sound.onnx"), script=SCRIPT)
    path = folder / "mutant.onnx"
    try:
        for mutant in mutants:
            path.write_bytes(mutant.make())
            answer: dict[str, Any] = worker.ask_patiently({"path": str(path)})
            yield Result(
                description=mutant.description,
                outcome=answer["outcome"],
                message=answer["message"],
                seconds=answer["seconds"],
                peak_mb=answer.get("peak_mb", 0.0),
            )
    finally:
        worker.stop()


def quick_ones(mutants: Iterable[Mutant]) -> Iterator[Mutant]:
    """Of contracts every fifth, and of files and graphs those that are quick."""
    for number, mutant in enumerate(mutants):
        of_a_field = " = " in mutant.description
        if number % EVERY == 0 if of_a_field else not any(name in mutant.description for name in SLOW):
            yield mutant


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="Only a selection that takes seconds.")
@click.option("--only", help="Only those whose description holds this.")
@click.option("--keep", type=click.Path(path_type=Path), help="Write the last of them here.")
@click.option("--verbose", is_flag=True, help="Print every outcome.")
def main(quick: bool, only: str | None, keep: Path | None, verbose: bool) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        mutants = model_mutants(folder)
        chosen = [
            mutant
            for mutant in (quick_ones(mutants) if quick else mutants)
            if only is None or only in mutant.description
        ]
        results = []
        for result in run_models(chosen, folder):
            results.append(result)
            if verbose or result.is_bad:
                mark = "BAD " if result.is_bad else ""
                click.echo(
                    f"{mark}{result.description}: {result.outcome}, {result.seconds:.2f} s, {result.peak_mb:.0f} MB: "
                    f"{result.message[:300]!r}"
                )
        if keep is not None:
            keep.write_bytes(chosen[-1].make())
    for outcome, count in Counter(result.outcome for result in results).most_common():
        click.echo(f"{count:6}  {outcome}")
    slowest = max(results, key=lambda result: result.seconds)
    largest = max(results, key=lambda result: result.peak_mb)
    click.echo(f"slowest {slowest.seconds:.2f} s ({slowest.description})")
    click.echo(f"largest {largest.peak_mb:.0f} MB ({largest.description})")
    click.echo(f"longest message {max(len(result.message) for result in results)} characters")
    sys.exit(any(result.is_bad for result in results))


if __name__ == "__main__":
    main()
