"""The program's own daemon threads, when the program ends while they are in native code that we called.

The interpreter does not wait for them, and takes a thread that comes back from C++ into it by force, which aborts the
process. So the end of the program waits until they are back, and they then stay in Python, where no harm is done.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from vidcls.concurrency.cancellation import CancelledError, cancellable
from vidcls.concurrency.lifetime import program_is_over

# How long the end of the program waits at most: a model that is running cannot be broken off.
RUN_SECONDS = 10.0
_POLL_SECONDS = 0.01

_busy: dict[int, int] = {}  # how many calls deep, by the thread's number


@contextmanager
def call_of_the_program() -> Iterator[None]:
    """Around work in the caller's thread: where that is a daemon, it does not come back once the program is over."""
    if not threading.current_thread().daemon:
        yield
        return
    number = threading.get_ident()
    _busy[number] = _busy.get(number, 0) + 1
    try:
        with cancellable(program_is_over):
            if program_is_over():
                raise CancelledError
            yield
    except CancelledError:
        if not program_is_over():
            raise  # it is a call within one of our own threads' work
    finally:
        _busy[number] -= 1
        if not _busy[number]:
            del _busy[number]
    stay_if_over()


def stay_if_over() -> None:
    """In a daemon thread of a program that is over, never return."""
    if threading.current_thread().daemon and program_is_over():
        _stay()


def _stay() -> NoReturn:
    _busy.pop(threading.get_ident(), None)  # out of all calls that lie within each other
    while True:
        time.sleep(1)


@atexit.register
def _wait_for_calls() -> None:
    until = time.monotonic() + RUN_SECONDS
    while _busy and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)


def _forget_the_parents() -> None:
    """In a forked child, which has none of its parent's other threads: their calls never come back."""
    own = threading.get_ident()
    for number in list(_busy):
        if number != own:
            del _busy[number]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_the_parents)
