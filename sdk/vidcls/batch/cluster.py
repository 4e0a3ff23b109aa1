"""The job on Ray Data: one classifier to an actor; the only module that imports ray ([ray]).

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
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vidcls import cpus
from vidcls.batch.answers import Summary, counts, failed_row, predicted_row, source_sha256
from vidcls.batch.job import Job, Settings, settle, split
from vidcls.batch.parts import Parts, part_name
from vidcls.batch.remote import fetched
from vidcls.batch.supervisor import MAX_DEATHS, Supervisor
from vidcls.classifier import VideoClassifier
from vidcls.errors import DependencyError, DeviceError, VidclsError, VideoError
from vidcls.pipeline import predict_each, read_source
from vidcls.video.source import VideoSource

try:
    import ray
    import ray.data
    import ray.exceptions
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as problem:
    raise DependencyError(
        f"Ray cannot be imported ({problem}); install it with 'pip install \"vidcls[ray]\"'"
    ) from problem

_ACTOR_STARTS = 10
_OBJECT_STORE_BYTES = 200 << 20  # only the model and lists of names go through it


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What the job runs on. cpus: how many each actor counts on."""

    actors: int
    cpus: int
    nodes: int


@contextmanager
def open_cluster(address: str | None, settings: Settings) -> Iterator[Cluster]:
    """Start Ray in this process, or join the cluster at `address`, and leave it at the end.

    Raises:
        DeviceError: there is no cluster, Ray does not start here, or it lacks what an actor needs.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # Ray Data reports every step of its own; the user wants to know of the videos.
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
        # Without "local" it would join the cluster of RAY_ADDRESS, or the last one that was started on this machine.
        ray.init("local" if address is None else address, **options)
    except Exception as error:  # noqa: BLE001 - Ray raises a bare one where it does not start
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        raise _no_start(problem) if address is None else _no_cluster(address, problem) from None
    try:
        yield _divide(ray.cluster_resources(), nodes=len(ray.nodes()), settings=settings)
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Ray itself would try for minutes to reach a cluster that is not there."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or "://" in address:
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise _no_cluster(address, str(error)) from None


def _no_start(problem: str) -> DeviceError:
    return DeviceError(f"Ray does not start on this machine ({problem}); try again, or give fewer --actors")


def _no_cluster(address: str, problem: str) -> DeviceError:
    return DeviceError(
        f"no Ray cluster answers at '{address}' ({problem}); start one with 'ray start --head', or leave --address out "
        "to run here alone"
    )


def _divide(resources: dict[str, float], *, nodes: int, settings: Settings) -> Cluster:
    """As many actors as were asked for, or as there is room for."""
    share = settings.gpus_per_actor
    room = int(resources.get("GPU", 0) / share) if share else int(resources.get("CPU", 1))
    if room < 1:
        raise DeviceError(
            f"a classifier takes {share:g} of a GPU, but Ray has {resources.get('GPU', 0):g} of them; lower "
            "--gpus-per-actor, or leave it and --device out to run on CPUs"
        )
    actors = min(settings.actors or room, room)
    each = max(1, int(resources.get("CPU", 1) / actors)) if share else 1
    return Cluster(actors=actors, cpus=each, nodes=nodes)


def run(job: Job, cluster: Cluster) -> Generator[Summary, None, None]:
    """Do the job; yields the summary so far after every part.

    Raises:
        DeviceError, ModelError: an actor cannot open or run the model.
        OSError: an actor cannot write its answers.
        PartsError: another job has left a damaged file in the meantime.
    """
    started = time.perf_counter()
    summary = Summary()
    parts = split(job.waiting, actors=cluster.actors)
    # Deaths are counted where this program runs: if that is lost, so is the job.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    supervisor = ray.remote(Supervisor).options(num_cpus=0, scheduling_strategy=here).remote(job.model.read_bytes())
    dataset = ray.data.from_items(
        [{"part": part_name(part), "videos": json.dumps(part)} for part in parts], override_num_blocks=len(parts)
    ).map(
        _Actor,
        fn_constructor_args=(replace(job, waiting=[], failed={}, known=frozenset()), cluster.cpus, supervisor),
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
    settle(job, parts)


class _Actor:
    """One classifier: takes a part's videos, writes their answers, hands back counts."""

    def __init__(self, job: Job, threads: int, supervisor: Any) -> None:
        cpus.take_share(threads)
        self._settings, self._supervisor = job.settings, supervisor
        self._parts = Parts(job.out, job.kept)
        with TemporaryDirectory() as folder:
            path = Path(folder) / job.model.name
            path.write_bytes(ray.get(supervisor.model.remote()))
            device = "cuda" if job.settings.gpus_per_actor else "cpu"
            self._classifier = VideoClassifier(path, device=device, engine=job.settings.engine)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        part, videos = row["part"], json.loads(row["videos"])
        started = time.perf_counter()
        rows = self._classify_part(part, videos)
        before = time.perf_counter()
        self._parts.write(part, [rows[video] for video in videos])
        self._supervisor.end_part.remote(part)
        finished = time.perf_counter()
        others = {"writing": (finished - before) * 1000, "wall": (finished - started) * 1000}
        return counts(rows.values(), milliseconds=others)

    def _classify_part(self, part: str, videos: list[str]) -> dict[str, dict[str, Any]]:
        """Rows by video."""
        died = ray.get(self._supervisor.begin_part.remote(part))
        deaths = {video: died[source_sha256(video)] for video in videos if source_sha256(video) in died}
        rows = {}
        for video, count in deaths.items():  # one by one, so that a death has one cause
            if count >= MAX_DEATHS:
                problem = f"{MAX_DEATHS} processes died while decoding it; try 'vidcls predict' on it alone"
                rows[video] = failed_row(video, kind="WorkerDied", problem=problem)
            else:
                rows |= self._classify(part, [video])
        return rows | self._classify(part, [video for video in videos if video not in deaths])

    def _classify(self, part: str, videos: list[str]) -> dict[str, dict[str, Any]]:
        """Rows by video, decoded ahead in threads."""

        def begun() -> Iterator[VideoSource]:
            for video in videos:
                ray.get(self._supervisor.begin.remote(part, source_sha256(video)))  # before it can do harm
                yield video

        read = partial(
            read_source,
            contract=self._classifier.contract,
            views=self._settings.views,
            crops=self._settings.crops,
            region=self._settings.region,
            decoder=self._settings.decoder,
        )
        answers = predict_each(begun(), read, self._classifier.predict_clips, fetch=fetched)
        rows = {}
        for video, answer in zip(videos, answers, strict=True):
            if isinstance(answer, VideoError):
                rows[video] = failed_row(video, kind=type(answer).__name__, problem=str(answer))
            else:
                rows[video] = predicted_row(video, answer, top_k=self._settings.top_k)
            self._supervisor.end.remote(part, source_sha256(video))
        return rows


def _own(error: BaseException | None) -> VidclsError | OSError | None:
    """What stopped an actor, from inside what Ray makes of it: our own error, or the system's."""
    while error is not None and not isinstance(error, VidclsError | OSError):
        error = getattr(error, "cause", None) or error.__cause__
    return error
