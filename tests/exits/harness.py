"""One way to leave a program early, in a process of its own: its exit code, its time, and what it left behind.

A way is a short script. It prints `leaving` (by calling it) just before it leaves, or just before it does what a
signal is to break off; the time counts from there, or from the signal. Names that a script finds are in `PROLOGUE`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

# What every ending may take, and beside it one frame's decoding, and the interpreter's own ending on a busy machine.
ENDING_SECONDS = 2.0
FRAME_SECONDS = 0.5
# How long a program may take until it leaves: it imports, opens a model, and decodes a little.
START_SECONDS = 60.0
LEAVING = b"leaving\n"

PROLOGUE = """
import itertools, os, signal, sys, threading, time

from vidcls import VideoClassifier, VideoError

FILES = __import__("json").loads(os.environ["EXIT_FILES"])  # model, clip, long, damaged, stalls, drips, silent


def leaving():
    print("leaving", flush=True)


def threads():
    # But for the one that ends itself a moment after the last run of a model.
    return sum(thread.name != "vidcls run limit" for thread in threading.enumerate())


classifier = VideoClassifier(FILES["model"], device="cpu")
"""


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to leave.

    name: of the test. script: runs after PROLOGUE. command: runs instead of a script, in a folder of its own; words in
        braces are the files' names, and {own} is a folder that it may make. code: the exit code; minus a signal's
        number where that ends it.
    kind, after: the signal that is sent so many seconds after the script says `leaving`, or after the command has begun
        to take care of signals, and has said that it runs where it `runs_by`: with a line on stderr that begins so.
    stderr: what may stand on stderr, whole.
    step: seconds that pass at most until the program can notice: by default a frame's decoding.
    is_quick: whether it belongs to the default tests, and not only to the repeated ones.
    """

    name: str
    script: str = ""
    command: tuple[str, ...] = ()
    code: int
    kind: signal.Signals | None = None
    after: float = 0.3
    runs_by: str = ""
    stderr: str = ""
    step: float = FRAME_SECONDS
    is_quick: bool = False


@dataclass
class Outcome:
    """How one run ended."""

    code: int | None = None
    seconds: float = 0.0
    stderr: str = ""
    left: list[str] = field(default_factory=list)  # processes and files
    problems: list[str] = field(default_factory=list)


def run(way: Way, files: Mapping[str, str], folder: Path, *, spread: float = 0.0) -> Outcome:
    """Leave that way once.

    Args:
        way: which.
        files: what scripts and commands work on, by name.
        folder: empty, for what belongs to this run.
        spread: seconds by which the signal comes later, so that repeated runs meet different moments.
    """
    scratch, working = folder / "tmp", folder / "work"
    scratch.mkdir()
    working.mkdir()
    mark = uuid.uuid4().hex
    environment = {**os.environ, "TMPDIR": str(scratch), "EXIT_FILES": json.dumps(dict(files)), "EXIT_MARK": mark}
    process = subprocess.Popen(
        _command(way, files, folder),
        env=environment,
        cwd=working,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # or a line that is read would take others with it
        start_new_session=True,
    )
    assert process.stdout is not None
    outcome = Outcome()
    try:
        is_leaving, said = _begin(way, process)
        if not is_leaving:
            outcome.problems.append("it ended before it left")
        if way.kind is not None:
            time.sleep(way.after + spread)
            process.send_signal(way.kind)
        left = time.monotonic()
        limit = ENDING_SECONDS + way.step
        try:
            _, errors = process.communicate(timeout=3 * limit)
        except subprocess.TimeoutExpired:
            outcome.problems.append(f"it did not end within {3 * limit:.0f} s")
            process.kill()
            _, errors = process.communicate()
        outcome.code, outcome.stderr = process.returncode, (said + errors).decode("utf-8", "replace")
        outcome.seconds = time.monotonic() - left
        outcome.left = _left_processes(mark, until=left + limit) + _left_files(scratch, working)
    finally:
        for pid in _processes(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    _judge(way, outcome, limit=limit)
    return outcome


def _begin(way: Way, process: subprocess.Popen[bytes]) -> tuple[bool, bytes]:
    """(whether it has come to where it is left, what was read of stderr until then)."""
    assert process.stdout is not None
    assert process.stderr is not None
    if not way.command:
        return _line(process.stdout) == LEAVING, b""
    handles_signals = _handles_signals(process.pid)
    said = _line(process.stderr) if way.runs_by else b""
    return handles_signals and said.startswith(way.runs_by.encode()), said


def _judge(way: Way, outcome: Outcome, *, limit: float) -> None:
    # An interrupt that breaks into a text that Python is executing, as dataclasses have when they are imported, ends
    # the process by the signal whatever becomes of it. A shell sees 130 in both cases.
    codes = (130, -signal.SIGINT) if way.command and way.code == 130 else (way.code,)
    if outcome.code not in codes:
        outcome.problems.append(f"it ended with {outcome.code}, expected {way.code}")
    if outcome.seconds > limit:
        outcome.problems.append(f"it took {outcome.seconds:.2f} s")
    if re.fullmatch(way.stderr, outcome.stderr, re.DOTALL) is None:
        outcome.problems.append("stderr holds what does not belong there")
    if outcome.left:
        outcome.problems.append(f"it left {', '.join(outcome.left)}")


def _command(way: Way, files: Mapping[str, str], folder: Path) -> list[str]:
    if way.command:
        return [sys.executable, "-m", *(word.format(**files, own=folder / "own") for word in way.command)]
    script = folder / "way.py"
    script.write_text(PROLOGUE + way.script, encoding="utf-8")
    return [sys.executable, str(script)]


def _handles_signals(pid: int) -> bool:
    """Wait until a command has begun to take care of SIGTERM."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            found = re.search(r"^SigCgt:\s*(\w+)$", status, re.MULTILINE)
            if found and int(found[1], 16) >> (signal.SIGTERM - 1) & 1:
                return True
        time.sleep(0.02)
    return False


def _line(pipe: IO[bytes]) -> bytes:
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        return pipe.readline() if selector.select(START_SECONDS) else b""


def _processes(mark: str) -> list[int]:
    """Processes that were started in this run, wherever they are, by what their environment says."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if f"EXIT_MARK={mark}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found


def _left_processes(mark: str, *, until: float) -> list[str]:
    while (left := _processes(mark)) and time.monotonic() < until:
        time.sleep(0.02)
    return [f"process {pid} ({_command_line(pid)})" for pid in left]


def _command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return "gone"


def _left_files(*folders: Path) -> list[str]:
    return [str(path) for folder in folders for path in sorted(folder.rglob("*"))]
