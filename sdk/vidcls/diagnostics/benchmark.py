"""How fast a model is here, whole, from a video file to the answer: measured in a process of its own.

`python -m vidcls.diagnostics.benchmark` is that process. A fresh one shows what the first answer costs, and its
memory is the model's and not that of whatever asked.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from vidcls.concurrency import child_process
from vidcls.errors import ArgumentError, VidclsError
from vidcls.progress import Track, untracked

if TYPE_CHECKING:
    from vidcls.video.reader import Decoder

T = TypeVar("T")

STAGES = ("decode", "preprocess", "inference", "total")
# What is repeated, in this order.
_LOOPS = ("one by one", "many")


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What one model takes for one video on one device.

    provider: what computes there.
    median_ms: of `runs` predictions, one after the other, by stage; "total" is of their sums, so that the medians of
        the stages need not add up to it.
    load_s: importing and opening, up to a classifier that can be asked.
    first_prediction_s: from the start of the process to its first answer, loading included.
    peak_rss_mb: the most memory that the process held, in 10^6 bytes; None where the system does not say.
    videos_per_s: the same video `runs` times through `predict_many`, which decodes during inference.
    """

    device: str
    provider: str
    runs: int
    median_ms: dict[str, float]
    load_s: float
    first_prediction_s: float
    peak_rss_mb: float | None
    videos_per_s: float


def benchmark(
    model: str | Path,
    video: str | Path,
    *,
    runs: int,
    decoder: Decoder = "auto",
    device: str = "auto",
    engine: str = "onnxruntime",
    track: Track = untracked,
) -> Benchmark:
    """Classify `video` 2 * `runs` + 1 times in a fresh process.

    Args:
        model, video: paths; the video may be a URL.
        runs: predictions to take medians of, at least 1.
        decoder: as for `VideoClassifier.predict`.
        device, engine: as for `VideoClassifier`.
        track: follows both loops of `runs` predictions.

    Raises:
        VidclsError: what stops the model from classifying the video.
        ValueError: runs is less than 1.

    >>> from vidcls.diagnostics.benchmark import benchmark
    >>> result = benchmark("model.onnx", "clip.avi", runs=2, device="cpu")
    >>> result.provider, result.runs, result.videos_per_s > 0
    ('CPUExecutionProvider', 2, True)
    """
    if runs < 1:
        raise ArgumentError(f"runs is {runs}, expected at least 1")
    arguments = [str(model), str(video), str(runs), decoder, device, engine, repr(time.time())]
    with child_process.owned("vidcls.diagnostics.benchmark", arguments, stderr=None) as process:
        messages = _messages(process)
        next(messages, None)  # the first prediction
        for label in _LOOPS:
            for _ in track(itertools.islice(messages, runs), label=label, length=runs):
                pass
        answer = next(messages, None)
        process.wait()
    if process.returncode != 0 or answer is None:
        raise VidclsError(f"{model}: the process that measures it ended with code {process.returncode}")
    return Benchmark(**answer)


def _messages(process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """What the process sends, until that is an error, which is raised."""
    for line in process.stdout or ():
        message = json.loads(line)
        if "error" in message:
            raise VidclsError(message["error"])
        yield message


def main(arguments: Sequence[str]) -> None:
    """Measure: send a message after each prediction, and last a Benchmark's fields, or an error."""
    model, video, runs, decoder, device, engine, started = arguments
    child_process.end_with_owner()
    send = child_process.answers()
    try:
        result = _measure(
            model,
            video,
            runs=int(runs),
            decoder=decoder,  # type: ignore[arg-type]
            device=device,
            engine=engine,
            started=float(started),
            send=send,
        )
        send(dataclasses.asdict(result))
    except VidclsError as error:
        send({"error": str(error)})


def _measure(
    model: str,
    video: str,
    *,
    runs: int,
    decoder: Decoder,
    device: str,
    engine: str,
    started: float,
    send: Callable[[dict[str, Any]], None],
) -> Benchmark:
    before = time.perf_counter()
    from vidcls.classifier import VideoClassifier  # noqa: PLC0415 - importing is part of loading
    from vidcls.video.quiet import quiet_decoders  # noqa: PLC0415

    def sent(items: Iterable[T], label: str) -> Iterator[T]:
        for number, item in enumerate(items, 1):
            yield item
            send({label: number})

    quiet_decoders()
    classifier = VideoClassifier(model, device=device, engine=engine)  # type: ignore[arg-type]
    load_s = time.perf_counter() - before
    classifier.predict(video, decoder=decoder)
    first_prediction_s = time.time() - started
    send({"first prediction": 1})

    one_by_one, many = _LOOPS
    timings = [classifier.predict(video, decoder=decoder).timing_ms for _ in sent(range(runs), one_by_one)]
    before = time.perf_counter()
    for answer in sent(classifier.predict_many(itertools.repeat(video, runs), decoder=decoder), many):
        if isinstance(answer, VidclsError):
            raise answer
    seconds = time.perf_counter() - before
    peak = peak_rss_mb()
    return Benchmark(
        device=classifier.device,
        provider=classifier.provider,
        runs=runs,
        median_ms={stage: round(statistics.median(one[stage] for one in timings), 3) for stage in STAGES},
        load_s=round(load_s, 3),
        first_prediction_s=round(first_prediction_s, 3),
        peak_rss_mb=None if peak is None else round(peak, 1),
        videos_per_s=round(runs / seconds, 3),
    )


def peak_rss_mb() -> float | None:
    """The most memory that this process has held, in 10^6 bytes; None where the system does not say."""
    try:
        # getrusage() would count what the process that started this one held.
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(peak) * 1024 / 1e6
    except (OSError, ValueError):
        return peak_by_getrusage_mb()


def peak_by_getrusage_mb() -> float | None:
    """As `peak_rss_mb`, but at least what the process that started this one held: where there is no /proc."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return None
    # macOS counts in bytes, all others in KiB.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main(sys.argv[1:])
