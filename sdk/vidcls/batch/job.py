"""What a run of `vidcls batch` has to do: the videos without an answer, in parts of one size. No Ray in here."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from vidcls.batch.parts import Parts
from vidcls.video.reader import Decoder
from vidcls.video.source import source_name

# Few enough to lose little with an actor, many enough to keep files and messages few.
_PART_SIZES = (16, 256)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How videos are classified, and on what.

    actors: how many classifiers, by default as many as the CPUs, or the GPUs, have room for.
    gpus_per_actor: what share of a GPU each takes; 0 runs on CPUs.
    """

    views: int = 1
    crops: int = 1
    decoder: Decoder = "auto"
    top_k: int = 5
    actors: int | None = None
    gpus_per_actor: float = 0.0


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
    """Which of `videos` are not yet answered in `out`.

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


def split(videos: list[str], *, actors: int) -> list[list[str]]:
    """Parts of one size, about 16 for each actor where there are few videos.

    >>> from vidcls.batch.job import split
    >>> [len(part) for part in split([f"{number}.mp4" for number in range(40)], actors=1)]
    [16, 16, 8]
    """
    smallest, largest = _PART_SIZES
    size = max(smallest, min(largest, len(videos) // (16 * actors)))
    return [videos[start : start + size] for start in range(0, len(videos), size)]
