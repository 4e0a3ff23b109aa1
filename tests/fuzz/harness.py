"""Broken files through `VideoClassifier.predict`, in processes of their own that may crash, hang or swell."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz.mutants import Original, mutant

# A mutant may take this long, and the process may grow by this much meanwhile.
LIMIT_SECONDS = 10.0
LIMIT_MB = 200.0
# What a new process may take to open its model, on a busy machine.
START_SECONDS = 60.0

WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one mutant.

    outcome: "answered", the VidclsError's class, or one of BAD.
    """

    number: int
    description: str
    outcome: str
    message: str
    seconds: float
    grown_mb: float

    @property
    def is_bad(self) -> bool:
        """Whether this is anything but a prediction or a VidclsError within time and memory."""
        return self.outcome in BAD or self.grown_mb > LIMIT_MB


BAD = ("crashed", "too slow", "other error")


class Worker:
    """One child process; a new one for the mutant after which it died."""

    def __init__(self, model: Path, *, script: Path | None = None) -> None:
        self._command = [sys.executable, str(script or WORKER), str(model)]
        self._process: subprocess.Popen[bytes] | None = None
        self._grace = 0.0

    def ask(self, task: dict[str, object]) -> dict[str, object]:
        """The worker's answer, or what has become of the worker."""
        process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(task).encode() + b"\n")
        process.stdin.flush()
        # Starting takes a second or two, once; it counts as nobody's time.
        ready, _, _ = select.select([process.stdout], [], [], LIMIT_SECONDS + self._grace)
        line = process.stdout.readline() if ready else b""
        self._grace = 0.0
        if line:
            answer: dict[str, object] = json.loads(line)
            if float(str(answer["seconds"])) > LIMIT_SECONDS:
                answer["outcome"] = "too slow"
            return answer
        if not ready:
            process.kill()
        self.stop()
        code = process.returncode
        if not ready:
            return {"outcome": "too slow", "message": "killed", "seconds": LIMIT_SECONDS, "grown_mb": 0.0}
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return {"outcome": "crashed", "message": name, "seconds": 0.0, "grown_mb": 0.0}

    def ask_patiently(self, task: dict[str, object]) -> dict[str, object]:
        """As `ask`, once more where it was too slow: another process may have taken the processor."""
        answer = self.ask(task)
        if answer["outcome"] == "too slow":
            self.stop()
            answer = self.ask(task)
        return answer

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            if self._hangs():
                self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
            self._process = None

    def _hangs(self) -> bool:
        """Whether the process does not end by itself, as one that has crashed does."""
        assert self._process is not None
        try:
            self._process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            return True
        return False

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            quiet = os.environ | {"OPENCV_FFMPEG_LOGLEVEL": "-8", "OMP_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=quiet,
            )
            self._grace = START_SECONDS
        return self._process


def run(
    chosen: Sequence[Original], *, model: Path, folder: Path, seed: int, numbers: Sequence[int], workers: int = 1
) -> list[Result]:
    """Put the mutants numbered `numbers` through a classifier.

    Args:
        chosen: the files to break, `mutants.originals`.
        model: an exported model.
        folder: to keep a mutant in while it is looked at.
        workers: processes at a time.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in numbers:
        waiting.put(number)
    results: list[Result] = []

    def work(name: str) -> None:
        worker = Worker(model)
        path = folder / f"{name}.video"
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                break
            description, content = mutant(chosen, seed=seed, number=number)
            path.write_bytes(content)
            # Every other one by five views, which seek, and every fourth by PyAV.
            task: dict[str, object] = {
                "path": str(path),
                "views": 5 if number % 2 else 1,
                "decoder": "pyav" if number % 4 == 3 else "auto",
            }
            answer = worker.ask_patiently(task)
            results.append(
                Result(
                    number=number,
                    description=description,
                    outcome=str(answer["outcome"]),
                    message=str(answer["message"]),
                    seconds=float(str(answer["seconds"])),
                    grown_mb=float(str(answer["grown_mb"])),
                )
            )
        worker.stop()

    threads = [threading.Thread(target=work, args=(f"worker{index}",)) for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results, key=lambda result: result.number)
