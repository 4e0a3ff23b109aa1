"""Work that is done in a process of its own, which sends its answers as lines of JSON.

The pipe is the child's standard output. `answers` takes it over and sends to standard error what libraries print,
also those in C, so that nothing but answers comes through.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

STDOUT, STDERR = 1, 2


def start(module: str, arguments: Sequence[str], *, stderr: int | None) -> subprocess.Popen[bytes]:
    """Run one of our modules in a fresh process, whose `stdout` gives its answers, one JSON object a line.

    stderr: as for `subprocess.Popen`.
    """
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr)  # noqa: S603 - our own module


def answers() -> Callable[[dict[str, Any]], None]:
    """In the child: what sends one answer, at once."""
    pipe = os.fdopen(os.dup(STDOUT), "w", encoding="utf-8")
    os.dup2(STDERR, STDOUT)

    def send(fields: dict[str, Any]) -> None:
        pipe.write(json.dumps(fields) + "\n")
        pipe.flush()

    return send
