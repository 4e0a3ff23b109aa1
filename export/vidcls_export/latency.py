"""How long one run of a model takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

# How often a clip is timed: large models take seconds a run, tiny ones are lost in noise.
_FEWEST_RUNS, _MOST_RUNS, _ENOUGH_MS = 3, 15, 500


def median_ms(run: Callable[[], object]) -> float:
    """The median of several runs in milliseconds, after one that is not counted: the first also allocates."""
    run()
    times: list[float] = []
    while len(times) < _FEWEST_RUNS or (len(times) < _MOST_RUNS and sum(times) < _ENOUGH_MS):
        started = time.perf_counter()
        run()
        times.append((time.perf_counter() - started) * 1000)
    return round(statistics.median(times), 3)
