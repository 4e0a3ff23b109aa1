"""Interrupts, which a shell keeps from what it runs in the background, and from all programs that that starts."""

from __future__ import annotations

import signal


def take_interrupts() -> None:
    """Let programs that are started from here get interrupts, also where a shell runs this in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
