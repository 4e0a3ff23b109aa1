"""Leave early by every way, many times, and print how many were right, and the longest time.

python tests/exits/run.py --repetitions 20
python tests/exits/run.py many-break bench-command-SIGKILL
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import click

from exits.files import made_files
from exits.harness import Outcome, Way, run
from exits.ways import WAYS
from interrupts import take_interrupts

# Seconds by which the last repetition's signal comes later than the first one's.
SPREAD_SECONDS = 0.5


@click.command(help=__doc__)
@click.option("--repetitions", type=int, default=20, show_default=True, help="Runs of each way.")
@click.option("--jobs", type=int, default=2, show_default=True, help="Programs at a time.")
@click.argument("names", nargs=-1, metavar="[WAY]...")
def main(names: tuple[str, ...], repetitions: int, jobs: int) -> None:
    take_interrupts()
    ways = [way for way in WAYS if not names or way.name in names]
    runs = [(way, number / repetitions) for number in range(repetitions) for way in ways]
    found: dict[str, list[Outcome]] = {way.name: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder, made_files(Path(folder), ways) as files:

        def leave(job: tuple[Way, float]) -> tuple[Way, Outcome]:
            way, later = job
            with tempfile.TemporaryDirectory(dir=folder) as own:
                return way, run(way, files, Path(own), spread=SPREAD_SECONDS * later)

        with ThreadPoolExecutor(jobs) as pool:
            for way, outcome in pool.map(leave, runs):
                found[way.name].append(outcome)
                if outcome.problems:
                    click.echo(f"{way.name}: {'; '.join(outcome.problems)}\n{outcome.stderr}")
    for name, outcomes in found.items():
        right = sum(not outcome.problems for outcome in outcomes)
        click.echo(f"{name:36} {right:3} of {len(outcomes):3} right, longest {max(o.seconds for o in outcomes):.2f} s")
    every = [outcome for outcomes in found.values() for outcome in outcomes]
    right = sum(not outcome.problems for outcome in every)
    click.echo(f"{right} of {len(every)} right, longest {max(outcome.seconds for outcome in every):.2f} s")
    sys.exit(right != len(every))


if __name__ == "__main__":
    main()
