"""One of several models that are compared, open in a process of its own, which predicts when it is its turn.

`vidcls.diagnostics.comparison` starts it and sends requests, a line each; each has one answer, JSON behind its length.
The first, JSON too, opens the model and predicts once; then "turn" predicts and "finish" verifies. It ends once its
owner lets go.
"""

from __future__ import annotations

import io
import json
import os
import queue
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vidcls.concurrency import child_process
from vidcls.diagnostics.benchmark import STAGES, peak_rss_mb

if TYPE_CHECKING:
    from vidcls.classifier import VideoClassifier

# The length of an answer, before it.
HEADER = struct.Struct(">I")
TURN, FINISH = "turn", "finish"


def pack(answer: dict[str, Any]) -> bytes:
    """An answer as it is sent."""
    content = json.dumps(answer).encode()
    return HEADER.pack(len(content)) + content


def main() -> None:
    """Answer requests, until an error, which is the last answer, or the owner lets go."""
    pipe, requests = child_process.take_over_stdout(), _requests()

    def send(answer: dict[str, Any]) -> None:
        child_process.write_all(pipe, pack(answer))

    try:
        _serve(requests, send)
    except Exception as error:  # noqa: BLE001 - whatever stops this one, the others are measured and this is said
        send({"type": type(error).__name__, "error": str(error)})


def _serve(requests: Iterator[str], send: Callable[[dict[str, Any]], None]) -> None:
    asked = json.loads(next(requests))
    video, decoder = asked["video"], asked["decoder"]
    classifier, opened = _open(asked)
    first = classifier.predict(video, decoder=decoder)
    send({**opened, "label": first.label, "score": first.score})
    for request in requests:
        if request == FINISH:
            break
        timing = classifier.predict(video, decoder=decoder).timing_ms
        send({stage: timing[stage] for stage in STAGES})
    peak = peak_rss_mb()  # before the self-test, which decodes reference clips
    found = classifier.verify()
    send(
        {
            "peak_rss_mb": peak,
            "ok": found.ok,
            "max_abs_diff": found.max_abs_diff,
            "tolerance": found.tolerance,
            "problem": found.problem,
        }
    )


def _open(asked: dict[str, Any]) -> tuple[VideoClassifier, dict[str, Any]]:
    """The classifier, and what is said of opening it."""
    before = time.perf_counter()
    from vidcls.classifier import VideoClassifier  # noqa: PLC0415 - importing is part of loading
    from vidcls.video.quiet import quiet_decoders  # noqa: PLC0415

    quiet_decoders()
    classifier = VideoClassifier(asked["model"], device=asked["device"], engine=asked["engine"])
    return classifier, {"provider": classifier.provider, "load_s": time.perf_counter() - before}


def _requests() -> Iterator[str]:
    """The owner's lines, as they come; once it lets go or is gone, the process ends, whatever it is doing."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    owner, stdin = os.getppid(), io.FileIO(child_process.STDIN, closefd=False)

    def read() -> None:
        reader = io.BufferedReader(stdin)
        while True:
            # While a copy of the owner, made by os.fork, holds the other end too, the end of the pipe does not come.
            while not child_process.is_readable(stdin, seconds=child_process.POLL_SECONDS):
                if os.getppid() != owner:
                    os._exit(0)
            line = reader.readline()
            if not line:
                os._exit(0)
            lines.put(line.decode().rstrip("\n"))

    threading.Thread(target=read, daemon=True, name="vidcls-owner").start()
    while True:
        yield lines.get()


if __name__ == "__main__":
    main()
