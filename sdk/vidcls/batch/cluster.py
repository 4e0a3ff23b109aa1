"""Many videos on many machines: one classifier to a Ray actor, answers in Parquet, on Ray Data ([ray]).

Videos are handled in parts of a few dozen. An actor classifies a part, writes its answers itself and
hands back only counts, so nothing large moves and what is written stays whatever happens later. Ray
Data hands a part whose actor died to another one, which writes the same file again.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vidcls import cpus
from vidcls.batch.remote import fetched
from vidcls.classifier import VideoClassifier
from vidcls.errors import DependencyError, DeviceError, VidclsError, VideoError
from vidcls.pipeline import predict_each
from vidcls.video.source import VideoSource, source_name

try:
    import ray
    import ray.data
    import ray.exceptions
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from vidcls.batch.parquet import Parts, part_name
except ImportError as problem:
    raise DependencyError(
        f"Ray cannot be imported ({problem}); install it with 'pip install \"vidcls[ray]\"'"
    ) from problem

# A video that was under way whenever so many actors died is left out: it is what killed them.
MAX_DEATHS = 3
# Few enough to lose little with an actor, many enough to keep files and messages few.
_PART_SIZES = (16, 256)
_ACTOR_STARTS = 10
_STAGES = ("decode", "preprocess", "inference")
_OBJECT_STORE_BYTES = 200 << 20  # only the model and lists of names go through it


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How videos are classified, and on what.

    actors: how many classifiers, by default as many as CPUs, or GPUs by share, allow.
    gpus_per_actor: what share of a GPU each takes; 0 runs on CPUs.
    """

    views: int = 1
    crops: int = 1
    top_k: int = 5
    actors: int | None = None
    gpus_per_actor: float = 0.0


@dataclass(kw_only=True)
class Summary:
    """What a run has done.

    failed: how many videos failed, by the kind of error.
    milliseconds: where the actors' time went, summed over all of them.
    """

    videos: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    milliseconds: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, part: dict[str, Any]) -> None:
        """Count a part in."""
        self.videos += part["videos"]
        self.failed.update(json.loads(part["failed"]))
        for stage, spent in json.loads(part["milliseconds"]).items():
            self.milliseconds[stage] = self.milliseconds.get(stage, 0.0) + spent


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is left to do.

    kept: what the answers depend on. waiting: videos without an answer, in order. done: how many have one.
    """

    model: Path
    kept: dict[str, Any]
    out: str
    settings: Settings
    waiting: list[str]
    done: int


def plan(model: Path, videos: list[str], out: str, *, settings: Settings) -> Job:
    """What of `videos` is not yet answered in `out`.

    Raises:
        ValueError: `out` holds answers of another model, or asked in another way.
        OSError: `out` cannot be made.
    """
    kept = {
        "model": sha256(model.read_bytes()).hexdigest(),
        "views": settings.views,
        "crops": settings.crops,
        "top_k": settings.top_k,
    }
    parts = Parts(out, kept)
    done = parts.done()
    parts.prepare()  # where it cannot be made, better said now
    waiting = [video for video in videos if source_name(video) not in done]
    return Job(model=model, kept=kept, out=out, settings=settings, waiting=waiting, done=len(videos) - len(waiting))


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What the job runs on. cpus: how many each actor counts on."""

    actors: int
    cpus: int
    nodes: int


@contextmanager
def started(address: str | None, settings: Settings) -> Iterator[Cluster]:
    """Start Ray in this process, or join the cluster at `address`, share it out, and leave it at the end.

    Raises:
        DeviceError: there is no cluster, or it lacks what an actor needs.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # Ray Data tells of every step of its own; the user is told of the videos.
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # A machine may be lost while its actors start, too.
    ray.data.DataContext.get_current().max_consecutive_actor_init_deaths = _ACTOR_STARTS
    if address is not None:
        _check_address(address)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        options |= {"num_cpus": cpus.usable_cpus(), "include_dashboard": False}
        options |= {"object_store_memory": _OBJECT_STORE_BYTES}
    try:
        ray.init(address, **options)
    except (ConnectionError, ValueError) as error:
        raise DeviceError(
            f"no Ray cluster answers at '{address}' ({str(error).splitlines()[0]}); start one with "
            "'ray start --head', or leave --address out to run here alone"
        ) from None
    try:
        yield _shared_out(settings)
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Ray itself would look for minutes for a cluster that is not there."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or "://" in address:
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise DeviceError(
            f"no Ray cluster answers at '{address}' ({error}); start one with 'ray start --head', or leave --address "
            "out to run here alone"
        ) from None


def _shared_out(settings: Settings) -> Cluster:
    has = ray.cluster_resources()
    share = settings.gpus_per_actor
    fit = int(has.get("GPU", 0) / share) if share else int(has.get("CPU", 1))
    if fit < 1:
        raise DeviceError(
            f"a classifier takes {share:g} of a GPU, but Ray sees {has.get('GPU', 0):g} of them; lower "
            "--gpus-per-actor, or leave it out to run on CPUs"
        )
    actors = min(settings.actors or fit, fit)
    each = max(1, int(has.get("CPU", 1) / actors)) if share else 1
    return Cluster(actors=actors, cpus=each, nodes=len(ray.nodes()))


def run(job: Job, cluster: Cluster) -> Generator[Summary, None, None]:
    """Do the job; yields the summary so far after every part.

    Raises:
        DeviceError, ModelError: an actor cannot open or run the model.
        OSError: an actor cannot write its answers.
    """
    started = time.perf_counter()
    summary = Summary()
    parts = _cut(job.waiting, actors=cluster.actors)
    # Deaths are counted where this program runs: if that is lost, so is the job.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    watch = ray.remote(Watch).options(num_cpus=0, scheduling_strategy=here).remote(job.model.read_bytes())
    dataset = ray.data.from_items(
        [{"part": part_name(part), "videos": json.dumps(part)} for part in parts], override_num_blocks=len(parts)
    ).map(
        _Actor,
        fn_constructor_args=(job, cluster.cpus, watch),
        compute=ray.data.ActorPoolStrategy(size=min(cluster.actors, len(parts)), max_tasks_in_flight_per_actor=2),
        num_cpus=cluster.cpus if not job.settings.gpus_per_actor else 0,
        num_gpus=job.settings.gpus_per_actor or None,
    )
    try:
        for part in dataset.iter_rows():
            summary.add(part)
            summary.seconds = time.perf_counter() - started
            yield summary
    except ray.exceptions.RayError as error:
        raise (_own(error) or error) from None


class Watch:
    """Hands out the model, which other machines may not have, and remembers which videos are under way.

    So the video that kills its actor can be told from the others of its part.
    """

    def __init__(self, model: bytes) -> None:
        self._model = model
        self._under_way: dict[str, set[str]] = {}
        self._deaths: Counter[str] = Counter()

    def model(self) -> bytes:
        """The model file."""
        return self._model

    def begin_part(self, part: str) -> dict[str, int]:
        """{video: how often it was under way as an actor died}, of a part that an actor takes up, perhaps again."""
        self._deaths.update(self._under_way.pop(part, ()))
        self._under_way[part] = set()
        return dict(self._deaths)

    def begin(self, part: str, video: str) -> None:
        """A video is about to be decoded."""
        self._under_way[part].add(video)

    def end(self, part: str, video: str) -> None:
        """A video is done; it is no longer a suspect."""
        self._under_way[part].discard(video)
        self._deaths.pop(video, None)

    def end_part(self, part: str) -> None:
        """A part is written."""
        self._under_way.pop(part, None)


class _Actor:
    """One classifier: takes a part's videos, writes their answers, hands back counts."""

    def __init__(self, job: Job, threads: int, watch: Any) -> None:
        cpus.take_share(threads)
        self._settings, self._watch = job.settings, watch
        self._parts = Parts(job.out, job.kept)
        with TemporaryDirectory() as folder:
            path = Path(folder) / job.model.name
            path.write_bytes(ray.get(watch.model.remote()))
            self._classifier = VideoClassifier(path, device="cuda" if job.settings.gpus_per_actor else "cpu")

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        part, videos = row["part"], json.loads(row["videos"])
        deaths = ray.get(self._watch.begin_part.remote(part))
        started = time.perf_counter()
        rows = {}
        suspects = [video for video in videos if video in deaths]
        for video in suspects:  # one by one, so that a death has one cause
            if deaths[video] >= MAX_DEATHS:
                problem = f"it was being decoded whenever one of {MAX_DEATHS} processes died; look at it on its own"
                rows[video] = _failed_row(video, "WorkerDied", problem)
            else:
                rows |= self._rows(part, [video])
        rows |= self._rows(part, [video for video in videos if video not in deaths])
        before = time.perf_counter()
        self._parts.write(part, [rows[video] for video in videos])
        self._watch.end_part.remote(part)
        finished = time.perf_counter()
        spent = [found.get("timing_ms", {}) for found in rows.values()]
        times = {stage: sum(of_one.get(stage, 0.0) for of_one in spent) for stage in _STAGES}
        times |= {"writing": (finished - before) * 1000, "wall": (finished - started) * 1000}
        return {
            "videos": len(rows),
            "failed": json.dumps(Counter(found["error_type"] for found in rows.values() if found["error_type"])),
            "milliseconds": json.dumps(times),
        }

    def _rows(self, part: str, videos: list[str]) -> dict[str, dict[str, Any]]:
        """Answers by video, decoded ahead in threads."""

        def begun() -> Iterator[VideoSource]:
            for video in videos:
                ray.get(self._watch.begin.remote(part, video))  # before it can do harm
                yield video

        answers = predict_each(
            begun(),
            self._classifier.contract,
            self._classifier.predict_clips,
            views=self._settings.views,
            crops=self._settings.crops,
            decoder="auto",
            fetch=fetched,
        )
        rows = {}
        for video, answer in zip(videos, answers, strict=True):
            if isinstance(answer, VideoError):
                rows[video] = _failed_row(video, type(answer).__name__, str(answer))
            else:
                rows[video] = {
                    "path": source_name(video),
                    "label": answer.label,
                    "score": answer.score,
                    "top": [{"label": label, "score": score} for label, score in answer.top(self._settings.top_k)],
                    "logits": answer.logits.tolist(),
                    "windows": [{"start": start, "end": end} for start, end in answer.windows],
                    "error": None,
                    "error_type": None,
                    "seconds": answer.timing_ms["total"] / 1000,
                    "timing_ms": {name: answer.timing_ms[name] for name in _STAGES},
                }
            self._watch.end.remote(part, video)
        return rows


def _failed_row(video: str, kind: str, problem: str) -> dict[str, Any]:
    name = source_name(video)
    return {"path": name, "error": problem if problem.startswith(name) else f"{name}: {problem}", "error_type": kind}


def _own(error: BaseException | None) -> VidclsError | OSError | None:
    """What stopped an actor, from inside what Ray makes of it: our own error, or the system's."""
    while error is not None and not isinstance(error, VidclsError | OSError):
        error = getattr(error, "cause", None) or error.__cause__
    return error


def _cut(videos: list[str], *, actors: int) -> list[list[str]]:
    """Parts of one size, about 16 to an actor where there are few videos."""
    smallest, largest = _PART_SIZES
    size = max(smallest, min(largest, len(videos) // (16 * actors)))
    return [videos[start : start + size] for start in range(0, len(videos), size)]
