"""What a recipe reaches: several seeds, each trained and tested by the command line, with the interval of their mean.

python tests/benchmarks/accuracy.py DATA -o FOLDER [--seeds 3] [-- OPTIONS OF vidcls-train]
python tests/benchmarks/accuracy.py ../shared/data/ucf8 -o /tmp/accuracy -- --preset tiny

Runs that are finished are not done again. The interval is Wilson's for the number of test videos: more seeds do not
narrow what those few videos can tell.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from vidcls.evaluation.metrics import wilson_interval


def trained(data: Path, output: Path, seed: int, options: list[str]) -> float:
    """Train into `output`, if that is not done yet; returns the seconds it took."""
    record = output.with_suffix(".seconds")
    if record.exists():
        return float(record.read_text())
    started = time.perf_counter()
    arguments = [str(data), "-o", str(output), "--seed", str(seed), *options]
    subprocess.run([sys.executable, "-m", "vidcls_train.cli", *arguments], check=True)
    seconds = time.perf_counter() - started
    record.write_text(str(seconds))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given, options = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    given.output.mkdir(parents=True, exist_ok=True)

    def reached(seed: int) -> dict[str, Any]:
        output = given.output / f"seed-{seed}"
        seconds = trained(given.data, output, seed, options)
        metrics: dict[str, Any] = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
        multiview = metrics["test_multiview"]
        click.echo(
            f"seed {seed}: val {metrics['val']['top1']:.3f}, test {metrics['test']['top1']:.3f}, "
            f"{multiview['views']} x {multiview['crops']} views {multiview['top1']:.3f}, {seconds / 60:.1f} min",
        )
        return metrics

    rows = [reached(seed) for seed in range(given.seeds)]
    for name in ("test", "test_multiview"):
        scores = [row[name]["top1"] for row in rows]
        videos = rows[0][name]["videos"]
        low, high = wilson_interval(round(float(np.mean(scores)) * videos), videos)
        click.echo(f"{name}: mean {np.mean(scores):.3f} of {len(scores)} seeds, 95 % interval {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
