"""How fast a model is here, whole, from a video file to the answer: measured in a process of its own.

`python -m vidcls.diagnostics.benchmark` is that process. A fresh one shows what the first answer costs, and its
memory is the model's and not that of whatever asked.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidcls.errors import VidclsError

STAGES = ("decode", "preprocess", "inference", "total")


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What one model takes for one video on one device.

    provider: what computes there.
    median_ms: of `runs` predictions, one after the other, by stage; stages overlap, so they may add up to less
        than "total".
    load_s: importing and opening, up to a classifier that can be asked.
    first_prediction_s: from the start of the process to its first answer, loading included.
    peak_rss_mb: the most memory that the process held, in 10^6 bytes.
    videos_per_s: the same video `runs` times through `predict_many`, which decodes during inference.
    """

    device: str
    provider: str
    runs: int
    median_ms: dict[str, float]
    load_s: float
    first_prediction_s: float
    peak_rss_mb: float
    videos_per_s: float


def benchmark(
    model: str | Path, video: str | Path, *, runs: int, device: str = "auto", engine: str = "onnxruntime"
) -> Benchmark:
    """Classify `video` 2 * `runs` + 1 times in a fresh process, which shows its progress on stderr.

    Raises:
        VidclsError: what stops the model from classifying the video.
        ValueError: runs is less than 1.
    """
    if runs < 1:
        raise ValueError(f"runs is {runs}, expected at least 1")
    arguments = [str(model), str(video), str(runs), device, engine, repr(time.time())]
    command = [sys.executable, "-m", "vidcls.diagnostics.benchmark", *arguments]
    child = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own module
    lines = child.stdout.splitlines()
    if child.returncode != 0 or not lines:
        raise VidclsError(f"{model}: the process that measures it ended with code {child.returncode}")
    answer = json.loads(lines[-1])
    if "error" in answer:
        raise VidclsError(answer["error"])
    return Benchmark(**answer)


def main(arguments: Sequence[str]) -> None:
    """Measure, and print a Benchmark's fields, or an error, as one line of JSON."""
    model, video, runs, device, engine, started = arguments
    try:
        fields = _measure(model, video, runs=int(runs), device=device, engine=engine, started=float(started))
    except VidclsError as error:
        fields = {"error": str(error)}
    print(json.dumps(fields))  # noqa: T201 - to the process that asked


def _measure(model: str, video: str, *, runs: int, device: str, engine: str, started: float) -> dict[str, object]:
    before = time.perf_counter()
    from vidcls import VideoClassifier  # noqa: PLC0415 - importing is part of loading
    from vidcls.cli import terminal  # noqa: PLC0415
    from vidcls.video.reader import quiet_decoders  # noqa: PLC0415

    quiet_decoders()
    classifier = VideoClassifier(model, device=device, engine=engine)  # type: ignore[arg-type]
    load_s = time.perf_counter() - before
    classifier.predict(video)
    first_prediction_s = time.time() - started

    with terminal.progress(range(runs), label="one by one", length=runs) as bar:
        timings = [classifier.predict(video).timing_ms for _ in bar]
    before = time.perf_counter()
    with terminal.progress(
        classifier.predict_many(itertools.repeat(video, runs)), label="many", length=runs
    ) as answers:
        for answer in answers:
            if isinstance(answer, VidclsError):
                raise answer
    seconds = time.perf_counter() - before
    return {
        "device": classifier.device,
        "provider": classifier.provider,
        "runs": runs,
        "median_ms": {stage: round(statistics.median(one[stage] for one in timings), 3) for stage in STAGES},
        "load_s": round(load_s, 3),
        "first_prediction_s": round(first_prediction_s, 3),
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "videos_per_s": round(runs / seconds, 3),
    }


def peak_rss_mb() -> float:
    """The most memory that this process has held, in 10^6 bytes."""
    try:
        # getrusage() would count what the process that started this one held.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(peak) * 1024 / 1e6
    except OSError:
        import resource  # noqa: PLC0415 - Windows has none

        # macOS counts in bytes.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main(sys.argv[1:])
