"""A run that does not end is ended: a graph can hold loops, and only running it shows how long they take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

# What any run may take; a card also sets itself up in its first one.
LEAST_SECONDS = {"cpu": 8.0, "cuda": 60.0}
# Multiplications a second of a processor slower than any that a video model is put on.
_SLOWEST = 1e8
# A network uses each weight about once for every patch of 16 x 16 pixels of 3 channels; a weight has a byte or more.
_PATCH_VALUES = 768


def longest_run(*, file_bytes: int, input_shape: Sequence[object], device: str) -> float:
    """Seconds that one clip may take: what its file's weights, used for every patch of it, take a slow processor.

    Examples:
        >>> round(longest_run(file_bytes=345_000_000, input_shape=["batch", 16, 224, 224, 3], device="cpu"))
        10830
    """
    values = 1
    for size in input_shape[1:]:
        values *= size if isinstance(size, int) else 1
    return LEAST_SECONDS[device] + file_bytes * values / _PATCH_VALUES / _SLOWEST


@contextmanager
def ended_after(seconds: float, end: Callable[[], None]) -> Iterator[None]:
    """Call `end` once what is inside has taken so long, but not while this process is stopped or starved."""
    done = threading.Event()

    def watch() -> None:
        busy = time.process_time()
        while not done.wait(seconds):
            if time.process_time() - busy > seconds / 2:
                end()
                return

    watcher = threading.Thread(target=watch, name="vidcls run", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
