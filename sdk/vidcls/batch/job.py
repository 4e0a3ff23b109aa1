"""What a run of `vidcls batch` has to do: the videos without an answer, in parts of one size. No Ray in here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from vidcls.batch.answers import source_sha256
from vidcls.batch.parts import Answer, Parts, part_file, part_name
from vidcls.region import Region
from vidcls.video.reader import Decoder

# Few enough to lose little with an actor, many enough to keep files and messages few.
_PART_SIZES = (16, 256)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How videos are classified, and on what.

    actors: how many classifiers, by default as many as the CPUs, or the GPUs, have room for.
    gpus_per_actor: what share of a GPU each takes; 0 runs on CPUs. engine: what computes.
    """

    views: int = 1
    crops: int = 1
    region: Region | None = None
    decoder: Decoder = "auto"
    top_k: int = 5
    actors: int | None = None
    gpus_per_actor: float = 0.0
    engine: Literal["onnxruntime", "openvino"] = "onnxruntime"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is left to do.

    kept: what the answers depend on. waiting: videos without an answer, in order. done: how many have one.
    failed: of those, what came of the ones that failed, by video. repeated: how many names were listed once more.
    known: the files of answers that were there before.
    """

    model: Path
    kept: dict[str, Any]
    out: str
    settings: Settings
    waiting: list[str]
    done: int
    failed: dict[str, Answer]
    repeated: int
    known: frozenset[str]

    @property
    def failed_before(self) -> Counter[str]:
        """How many of the listed videos failed in an earlier run, by the kind of error."""
        return Counter(str(answer.error_type) for answer in self.failed.values())


def plan(model: Path, videos: list[str], out: str, *, settings: Settings) -> Job:
    """Which of `videos` are not yet answered in `out`.

    Raises:
        ValueError: `out` holds answers of another model, or asked in another way.
        PartsError: a file in `out` is damaged, or of an earlier version that did not record which video is which.
        OSError: `out` cannot be made.
    """
    kept = {
        "model": sha256(model.read_bytes()).hexdigest(),
        "views": settings.views,
        "crops": settings.crops,
        "region": None if settings.region is None else list(settings.region),  # as JSON gives it back
        "top_k": settings.top_k,
    }
    parts = Parts(out, kept)
    answers = parts.settle()
    parts.prepare()  # where it cannot be made, better said now
    listed = {source_sha256(video): video for video in videos}
    done = {video: answers[identity] for identity, video in listed.items() if identity in answers}
    return Job(
        model=model,
        kept=kept,
        out=out,
        settings=settings,
        waiting=[video for video in listed.values() if video not in done],
        done=len(done),
        failed={video: answer for video, answer in done.items() if answer.error_type is not None},
        repeated=len(videos) - len(listed),
        known=frozenset(PurePosixPath(answer.part).name for answer in answers.values()),
    )


def retry_failed(job: Job) -> Job:
    """The job, with the videos that failed before to be done again.

    Their rows are removed at once: killed in between, they are without an answer, and any later run does them.
    """
    Parts(job.out, job.kept).remove_failed([source_sha256(video) for video in job.failed])
    return replace(job, waiting=[*job.waiting, *job.failed], done=job.done - len(job.failed), failed={})


def settle(job: Job, parts: Iterable[list[str]]) -> None:
    """After all `parts` were written: where other jobs have written too, leave one row of each video."""
    found = Parts(job.out, job.kept)
    if not found.names() <= job.known | {part_file(part_name(part)) for part in parts}:
        found.settle()


def split(videos: list[str], *, actors: int) -> list[list[str]]:
    """Parts of one size, about 16 for each actor where there are few videos.

    >>> from vidcls.batch.job import split
    >>> [len(part) for part in split([f"{number}.mp4" for number in range(40)], actors=1)]
    [16, 16, 8]
    """
    smallest, largest = _PART_SIZES
    size = max(smallest, min(largest, len(videos) // (16 * actors)))
    return [videos[start : start + size] for start in range(0, len(videos), size)]
