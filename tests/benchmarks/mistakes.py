"""How long training and export take to say what is wrong with a command line, for typical mistakes.

    python tests/benchmarks/mistakes.py

Each is a process of its own, as typed, run `--runs` times; the table says the fastest, which is what a quiet machine
would take, and the CPU time of that run. Exits with 1 where one takes longer than `--limit` seconds.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mistakes import MISTAKES, MODULES, Mistake, environment


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--limit", type=float, default=1.5, help="seconds")
    options = parser.parse_args()
    slow = []
    sys.stdout.write(f"{'mistake':54}{'seconds':>8}{'of CPU':>8}\n")
    for mistake in MISTAKES:
        wall, cpu = min(timed(mistake) for _ in range(options.runs))
        sys.stdout.write(f"{mistake.name:54}{wall:8.2f}{cpu:8.2f}\n")
        sys.stdout.flush()
        if wall > options.limit:
            slow.append(mistake.name)
    if slow:
        sys.exit(f"longer than {options.limit} s: {', '.join(slow)}")


def timed(mistake: Mistake) -> tuple[float, float]:
    """(seconds until the process has ended, seconds of CPU), of one run, whose answer is checked."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:
        arguments = mistake.arguments(Path(folder))
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", MODULES[mistake.command], *arguments],
            env=environment(Path(home)),
            capture_output=True,
            text=True,
            check=False,
        )
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    told = done.stdout + done.stderr
    if done.returncode != mistake.code or not re.search(mistake.told, told):
        sys.exit(f"{mistake.name}: exit code {done.returncode}, {told}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
