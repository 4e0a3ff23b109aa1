"""A child process that answers in lines of JSON and ends with its owner, whether that lets go of it or is killed.

Its standard input is the owner's hand: it is never written to, and closed when the owner is gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

STDIN = 0


@contextmanager
def owned(module: str, arguments: Sequence[str], *, stderr: int | None) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of our modules in a fresh process, whose `stdout` gives its answers, for as long as the block lasts.

    A block that is left by an error, an interrupt among them, kills the process; else its end is waited for. The
    module calls `end_with_owner` first.

    stderr: as for `subprocess.Popen`.
    """
    # In a session of its own: a Ctrl-C in the terminal is for the owner, who decides what becomes of it.
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # and so on Windows
    )
    hand, process.stdin = process.stdin, None  # communicate() would close it
    try:
        yield process
        process.wait()
    finally:
        process.kill()  # nothing, where it has ended
        process.wait()
        for pipe in (hand, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def end_with_owner() -> None:
    """In the child: end this process at once, whatever it is doing, when its owner is gone."""

    def watch() -> None:
        while os.read(STDIN, 1):
            pass
        os._exit(1)

    # A daemon that waits in Python's own code is no danger to an interpreter that is ending.
    threading.Thread(target=watch, daemon=True, name="vidcls-owner").start()
