"""Several models and engines timed on one video, turn by turn, so that a slow spell of the machine meets all of them.

Each is open in a process of its own: its memory is its own, and what ends it does not end the others.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidcls.concurrency.child_process import DependentProcess
from vidcls.contract import ModelContract
from vidcls.diagnostics.benchmark import STAGES
from vidcls.diagnostics.candidate_process import FINISH, HEADER, TURN
from vidcls.diagnostics.candidates import ModelFile, Placement, fits
from vidcls.errors import ArgumentError, VidclsError
from vidcls.progress import Track, untracked

_MODULE = "vidcls.diagnostics.candidate_process"
# Of fewer, no median has a 95 % interval (`vidcls.diagnostics.recommendation.median_interval`).
FEWEST_RUNS = 6
# How long one answer may take: opening a large model from an SD card takes a minute.
ANSWER_SECONDS = 600.0
_GRACE_SECONDS = 0.5
# After an answer onnxruntime's threads wait in a loop for 30 ms, which would slow down whoever is next.
SETTLE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What stopped one of them: the error's class, and its sentence."""

    type: str
    message: str


@dataclass(frozen=True, kw_only=True)
class SelfTestResult:
    """Of `VideoClassifier.verify`. problem: one sentence where it failed."""

    ok: bool
    max_abs_diff: float
    tolerance: float
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured of one file with one engine.

    path: the file. contract: what it says of itself; None where it cannot be used.
    placement: what computes, and where; None where it was never tried. provider: its execution provider.
    failure: what stopped it; the figures are then empty.
    times_ms: by stage, one figure for each run; runs of the same number, of all rows, followed each other.
    label, score: its answer for the video.
    load_s: importing and opening. peak_rss_mb: the most memory that its process held, in 10^6 bytes; None where the
    system does not say.
    """

    path: Path
    contract: ModelContract | None
    placement: Placement | None
    failure: Failure | None
    provider: str | None = None
    times_ms: dict[str, tuple[float, ...]] = field(default_factory=dict)
    label: str | None = None
    score: float | None = None
    load_s: float | None = None
    peak_rss_mb: float | None = None
    self_test: SelfTestResult | None = None


def measure(
    files: Sequence[ModelFile],
    placements: Sequence[Placement],
    video: str | Path,
    *,
    runs: int,
    decoder: str = "auto",
    track: Track = untracked,
) -> list[Row]:
    """Classify `video` `runs` times with every file on every engine that it is for, one after the other.

    All models are open at the same time.

    Raises:
        VidclsError: the video cannot be read.
        ArgumentError: there are too few runs.
    """
    if runs < FEWEST_RUNS:
        raise ArgumentError(f"runs is {runs}, expected at least {FEWEST_RUNS}: fewer cannot tell one time from another")
    with ExitStack() as stack:
        candidates = [_Candidate(file, placement) for file, placement in _pairs(files, placements)]
        for candidate in track(candidates, label="opening"):
            if candidate.failure is None:
                stack.callback(candidate.close)
                candidate.open(video, decoder=decoder)
        for candidate in track(_turns(candidates, runs), label="comparing", length=runs * len(_alive(candidates))):
            candidate.take_turn()
        for candidate in track(_alive(candidates), label="verifying"):
            candidate.finish()
    return [candidate.row() for candidate in candidates]


def _pairs(files: Sequence[ModelFile], placements: Sequence[Placement]) -> Iterator[tuple[ModelFile, Placement | None]]:
    for file in files:
        if file.contract is None:
            yield file, None
        else:
            fitting = [placement for placement in placements if fits(file.contract, placement)]
            yield from ((file, placement) for placement in fitting or placements[:1])  # which then says why not


def _turns(candidates: Sequence[_Candidate], runs: int) -> Iterator[_Candidate]:
    """Who predicts next. The order changes from run to run, so that nobody always follows the same one."""
    for run in range(runs):
        alive = _alive(candidates)
        yield from random.Random(run).sample(alive, len(alive))  # noqa: S311 - no secret


def _alive(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    return [candidate for candidate in candidates if candidate.failure is None]


class _EndedError(Exception):
    """The process gave no answer; the text says why."""


class _Candidate:
    """A file and where it is to run, its process, and what has been measured of it so far."""

    def __init__(self, file: ModelFile, placement: Placement | None) -> None:
        problem = file.problem
        self.failure = None if problem is None else Failure(type=type(problem).__name__, message=str(problem))
        self._file, self._placement = file, placement
        self._process: DependentProcess | None = None
        self._opened: dict[str, Any] = {}
        self._finished: dict[str, Any] = {}
        self._timings: list[dict[str, float]] = []

    def open(self, video: str | Path, *, decoder: str) -> None:
        """Start its process, which opens the model and predicts once.

        Raises:
            VidclsError: the video cannot be read, which no other candidate could either.
        """
        assert self._placement is not None  # noqa: S101 - a file that can be used has one
        self._process = DependentProcess(_MODULE)
        request = {
            "model": str(self._file.path),
            "video": str(video),
            "decoder": decoder,
            "engine": self._placement.engine,
            "device": self._placement.device,
        }
        self._opened = self._answer(json.dumps(request))
        if self.failure is not None and self.failure.type == "VideoError":
            raise VidclsError(self.failure.message)

    def take_turn(self) -> None:
        """Predict once more, once the machine has come to rest."""
        if self.failure is None:
            time.sleep(SETTLE_SECONDS)
            self._timings.append(self._answer(TURN))

    def finish(self) -> None:
        """Verify it, and let it go."""
        self._finished = self._answer(FINISH)
        self.close()

    def close(self) -> None:
        """End its process."""
        if self._process is not None:
            self._process.end(grace_seconds=_GRACE_SECONDS)
            self._process = None

    def row(self) -> Row:
        """What was measured."""
        facts: dict[str, Any] = {
            "path": self._file.path,
            "contract": self._file.contract,
            "placement": self._placement,
            "failure": self.failure,
        }
        if self.failure is None:
            tested = dict(self._finished)
            facts |= {**self._opened, "peak_rss_mb": tested.pop("peak_rss_mb"), "self_test": SelfTestResult(**tested)}
            facts["times_ms"] = {stage: tuple(one[stage] for one in self._timings) for stage in STAGES}
        return Row(**facts)

    def _answer(self, request: str) -> dict[str, Any]:
        """What it answers; where it does not, or with an error, that is its failure and it is let go."""
        assert self._process is not None  # noqa: S101 - it is asked while it is open
        try:
            answer = _ask(self._process, request)
        except _EndedError as ended:
            answer = {"type": "ModelError", "error": f"{self._file.path}: {ended}"}
        if "error" in answer:
            self.failure = Failure(type=answer["type"], message=answer["error"])
            self.close()
        return answer


def _ask(process: DependentProcess, request: str) -> dict[str, Any]:
    """What a process answers.

    Raises:
        _EndedError: it ended, or takes too long.
    """
    until = time.monotonic() + ANSWER_SECONDS

    def read(size: int) -> bytearray:
        content = bytearray(size)
        if not process.read_into(memoryview(content), is_over=lambda: time.monotonic() > until):
            raise _EndedError(f"no answer within {ANSWER_SECONDS:g} s; given up")
        return content

    try:
        process.ask(request)
        (size,) = HEADER.unpack(read(HEADER.size))
        answer: dict[str, Any] = json.loads(read(size))
    except (BrokenPipeError, EOFError):
        process.wait(seconds=_GRACE_SECONDS)
        raise _EndedError(f"the process that ran it ended with {_ending(process.code)}") from None
    return answer


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    return f"{name}, as Linux ends whoever takes more memory than there is" if name == "SIGKILL" else name
