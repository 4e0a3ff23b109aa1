"""Every video is opened once before a step is trained, so that what cannot be read is known and named."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from vidcls.cpus import usable_cpus
from vidcls.errors import VideoError
from vidcls.progress import Track, untracked
from vidcls_train.data.clip_list import Clip, Footage

S = TypeVar("S")
T = TypeVar("T")

_logger = logging.getLogger("vidcls.train")


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenedClips(Generic[T]):
    """The clips that can be read, what opening each of them gave, and the others.

    unreadable: {"video", "message"} of each clip left out.
    """

    clips: list[Clip]
    values: list[T]
    unreadable: list[dict[str, str]]


def open_each(
    videos: Sequence[S], open_one: Callable[[S], T], *, label: str, track: Track = untracked
) -> list[T | VideoError]:
    """Open videos in threads, as many as there are CPUs; a warning is logged for each that cannot be read.

    Args:
        videos: paths, or whatever says which they are.
        open_one: what is done with each of them; a VideoError says that it cannot be read.
        label: what is being done, for `track`.
        track: shows the progress.

    Returns:
        What `open_one` returned, or the VideoError that it raised, in the order of `videos`.
    """

    def attempt(video: S) -> T | VideoError:
        try:
            return open_one(video)
        except VideoError as error:
            return error

    results: list[T | VideoError] = []
    with ThreadPoolExecutor(usable_cpus()) as pool:
        for result in track(pool.map(attempt, videos), label=label, length=len(videos)):
            if isinstance(result, VideoError):
                _logger.warning("unreadable: %s", result)
            results.append(result)
    return results


def open_clips(
    clips: Sequence[Clip], open_one: Callable[[Footage], T], *, label: str, track: Track = untracked
) -> OpenedClips[T]:
    """Open clips as `open_each` does, and leave out those that cannot be read.

    Example:
        >>> from pathlib import Path
        >>> clips = [Clip(path=Path(name), labels=("jump",), group=name) for name in ("whole.mp4", "broken.mp4")]
        >>> def open_one(footage: Footage) -> str:
        ...     if footage.path.stem == "broken":
        ...         raise VideoError(str(footage), "holds no frames")
        ...     return footage.path.stem
        >>> opened = open_clips(clips, open_one, label="opening")
        >>> opened.values, opened.unreadable
        (['whole'], [{'video': 'broken.mp4', 'message': 'broken.mp4: holds no frames'}])
    """
    results = open_each([clip.footage for clip in clips], open_one, label=label, track=track)
    opened = OpenedClips[T](clips=[], values=[], unreadable=[])
    for clip, result in zip(clips, results, strict=True):
        if isinstance(result, VideoError):
            opened.unreadable.append({"video": str(clip.footage), "message": str(result)})
        else:
            opened.clips.append(clip)
            opened.values.append(result)
    return opened
