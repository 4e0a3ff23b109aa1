"""Work in a thread that its owner can end: between two frames, since native code cannot be broken off inside one.

Whoever starts the work says how to find out that nobody waits for it any more; loops that may take long ask.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class CancelledError(BaseException):
    """Nobody waits for this work any more. A BaseException, so that nobody takes it for a failure of the work."""


class _OfThisThread(threading.local):
    is_cancelled: Callable[[], bool] | None = None


_of_this_thread = _OfThisThread()


@contextmanager
def cancellable(is_cancelled: Callable[[], bool]) -> Iterator[None]:
    """Let `raise_if_cancelled` ask this, in this thread and inside the context; beside what it asks already."""
    before = _of_this_thread.is_cancelled
    _of_this_thread.is_cancelled = is_cancelled if before is None else lambda: before() or is_cancelled()
    try:
        yield
    finally:
        _of_this_thread.is_cancelled = before


def raise_if_cancelled() -> None:
    """Where this thread's work is cancellable and nobody waits for it any more, end it.

    Raises:
        CancelledError: it is so.
    """
    is_cancelled = _of_this_thread.is_cancelled
    if is_cancelled is not None and is_cancelled():
        raise CancelledError


def is_cancellable() -> bool:
    """Whether this thread's work is such that its owner can end it."""
    return _of_this_thread.is_cancelled is not None
