"""A run that does not end is ended: a graph can hold loops, and only running it shows how long they take."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

# What any run may take; a card also sets itself up in its first one.
LEAST_SECONDS = {"cpu": 5.0, "cuda": 60.0}
_INTERVAL_SECONDS = 0.25
# A process that has computed for less than this share of the time was stopped, or starved by others.
_BUSY_SHARE = 0.1
# Multiplications a second of a processor slower than any that a video model is put on.
_SLOWEST = 1e8
# A network uses each weight about once for every patch of 16 x 16 pixels of 3 channels; a weight has a byte or more.
_PATCH_VALUES = 768


def longest_run(*, file_bytes: int, input_shape: Sequence[object], device: str) -> float:
    """Seconds that one clip may take: what its file's weights, used for every patch of it, take a slow processor.

    Examples:
        >>> round(longest_run(file_bytes=345_000_000, input_shape=["batch", 16, 224, 224, 3], device="cpu"))
        10824
    """
    values = 1
    for size in input_shape[1:]:
        values *= size if isinstance(size, int) else 1
    return LEAST_SECONDS[device.partition(":")[0]] + file_bytes * values / _PATCH_VALUES / _SLOWEST


@contextmanager
def ended_after(seconds: float, end: Callable[[], None]) -> Iterator[None]:
    """Call `end` once what is inside has taken so long, but not while this process is stopped or starved.

    One thread watches all runs of the process. It costs a run nothing, and ends itself when there is none.
    """
    watched = _watched  # the same at the end, in a child that was forked inside too
    run = _Run(until=time.monotonic() + seconds, busy_until=time.process_time() + _BUSY_SHARE * seconds, end=end)
    with watched.lock:
        watched.runs.append(run)
        if not watched.has_watcher:
            watched.has_watcher = True
            threading.Thread(target=_watch, args=[watched], name="vidcls run limit", daemon=True).start()
    try:
        yield
    finally:
        with watched.lock:
            watched.runs.remove(run)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    until: float
    busy_until: float
    end: Callable[[], None]


class _Watched:
    """What runs in this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.runs: list[_Run] = []
        self.has_watcher = False


def _watch(watched: _Watched) -> None:
    while True:
        time.sleep(_INTERVAL_SECONDS)
        with watched.lock:
            if not watched.runs:
                watched.has_watcher = False
                return
            for run in watched.runs:
                if time.monotonic() > run.until and time.process_time() > run.busy_until:
                    run.end()


def _start_anew() -> None:
    """In a forked child, which has none of its parent's threads."""
    global _watched  # noqa: PLW0603 - one for each process
    _watched = _Watched()


_watched = _Watched()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
