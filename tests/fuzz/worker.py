"""Classifies one file after the other, as its parent names them, and tells what came of each.

`worker.py MODEL` reads lines of JSON {"path", "views", "decoder"} and answers each with a line {"outcome", "message",
"seconds", "grown_mb", "peak_mb"}, the last in 10^6 bytes. Where a decoder crashes, this process dies and its parent
starts another.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")


def memory_mb(field: str) -> float:
    """VmRSS, the memory held now, or VmHWM, the most since `forget_peak`; Linux only."""
    line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    """Let the most memory held be what is held now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def serve(outcome_of: Callable[[dict[str, Any]], tuple[str, str]], *, expected: type[Exception]) -> None:
    """Answer each task on stdin with a line of what came of it, until stdin ends.

    Args:
        outcome_of: a task -> outcome and message.
        expected: what may be raised; anything else is an "other error".
    """
    for line in sys.stdin:
        task = json.loads(line)
        forget_peak()
        before, started = memory_mb("VmRSS"), time.perf_counter()
        try:
            outcome, message = outcome_of(task)
        except expected as error:
            outcome, message = type(error).__name__, str(error)
        except Exception as error:  # noqa: BLE001 - to be told, as a violation
            outcome, message = "other error", f"{type(error).__name__}: {error}"
        seconds, peak = time.perf_counter() - started, memory_mb("VmHWM")
        answer = {"seconds": seconds, "grown_mb": peak - before, "peak_mb": peak * 1.048576}
        sys.stdout.write(json.dumps({"outcome": outcome, "message": message, **answer}) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Answer until stdin ends."""
    from vidcls import VidclsError, VideoClassifier
    from vidcls.video.quiet import quiet_decoders

    quiet_decoders()
    classifier = VideoClassifier(sys.argv[1], device="cpu")

    def outcome_of(task: dict[str, Any]) -> tuple[str, str]:
        found = classifier.predict(task["path"], views=task["views"], decoder=task["decoder"])
        return "answered", found.label

    serve(outcome_of, expected=VidclsError)


if __name__ == "__main__":
    main()
