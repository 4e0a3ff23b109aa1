"""Threads of ours that are no daemons, and yet keep no program alive.

A daemon that comes back from native code into an interpreter that is ending can abort the process, and with it the
program's exit code. So our threads are none; they ask again and again whether the program is over, and end by
themselves. A thread of the program's own that still runs is a part of it: it may be the one we work for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class HelperThread(threading.Thread):
    """A thread that ends soon after `program_is_over`, because it asks; the interpreter then joins it."""

    def __init__(self, *, target: Callable[..., None], args: tuple[Any, ...] = (), name: str) -> None:
        # Said here, since a thread that a daemon starts is a daemon too.
        super().__init__(target=target, args=args, name=name, daemon=False)


def program_is_over() -> bool:
    """Whether the interpreter waits for nothing but daemons and helpers: the main thread and all others have ended."""
    return not threading.main_thread().is_alive() and not any(
        thread.is_alive() and not thread.daemon and not isinstance(thread, HelperThread)
        for thread in threading.enumerate()
    )
