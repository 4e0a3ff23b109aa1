"""Classifies one file after the other, as its parent names them, and tells what came of each.

`worker.py MODEL` reads lines of JSON {"path", "views", "decoder"} and answers each with a line {"outcome",
"message", "seconds", "grown_mb"}. Where a decoder crashes, this process dies and its parent starts another.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

STATUS = Path("/proc/self/status")


def memory_mb(field: str) -> float:
    """VmRSS, the memory held now, or VmHWM, the most since `forget_peak`; Linux only."""
    line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    """Let the most memory held be what is held now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def main() -> None:
    """Answer until stdin ends."""
    from vidcls import VidclsError, VideoClassifier
    from vidcls.video.opencv import quiet_decoders

    quiet_decoders()
    classifier = VideoClassifier(sys.argv[1], device="cpu")
    for line in sys.stdin:
        task = json.loads(line)
        forget_peak()
        before, started = memory_mb("VmRSS"), time.perf_counter()
        try:
            prediction = classifier.predict(task["path"], views=task["views"], decoder=task["decoder"])
            outcome, message = "answered", prediction.label
        except VidclsError as error:
            outcome, message = type(error).__name__, str(error)
        except Exception as error:  # noqa: BLE001 - to be told, as a violation
            outcome, message = "other error", f"{type(error).__name__}: {error}"
        answer = {
            "outcome": outcome,
            "message": message,
            "seconds": time.perf_counter() - started,
            "grown_mb": memory_mb("VmHWM") - before,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
