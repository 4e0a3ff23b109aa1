"""Every video is opened once before a step is trained, so that what cannot be read is known and named."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from vidcls.cpus import usable_cpus
from vidcls.errors import VideoError
from vidcls.progress import Track, untracked
from vidcls_train.data.clip_list import Clip

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
    paths: Sequence[Path], open_one: Callable[[Path], T], *, label: str, track: Track = untracked
) -> list[T | VideoError]:
    """Open videos in threads, as many as there are CPUs; a warning is logged for each that cannot be read.

    Args:
        paths: of the videos.
        open_one: what is done with each of them; a VideoError says that it cannot be read.
        label: what is being done, for `track`.
        track: shows the progress.

    Returns:
        What `open_one` returned, or the VideoError that it raised, in the order of `paths`.
    """

    def attempt(path: Path) -> T | VideoError:
        try:
            return open_one(path)
        except VideoError as error:
            return error

    results: list[T | VideoError] = []
    with ThreadPoolExecutor(usable_cpus()) as pool:
        for result in track(pool.map(attempt, paths), label=label, length=len(paths)):
            if isinstance(result, VideoError):
                _logger.warning("unreadable: %s", result)
            results.append(result)
    return results


def open_clips(
    clips: Sequence[Clip], open_one: Callable[[Path], T], *, label: str, track: Track = untracked
) -> OpenedClips[T]:
    """Open clips as `open_each` does, and leave out those that cannot be read.

    Example:
        >>> clips = [Clip(path=Path(name), label="jump", group=name) for name in ("whole.mp4", "broken.mp4")]
        >>> def open_one(path: Path) -> str:
        ...     if path.stem == "broken":
        ...         raise VideoError(str(path), "holds no frames")
        ...     return path.stem
        >>> opened = open_clips(clips, open_one, label="opening")
        >>> opened.values, opened.unreadable
        (['whole'], [{'video': 'broken.mp4', 'message': 'broken.mp4: holds no frames'}])
    """
    results = open_each([clip.path for clip in clips], open_one, label=label, track=track)
    opened = OpenedClips[T](clips=[], values=[], unreadable=[])
    for clip, result in zip(clips, results, strict=True):
        if isinstance(result, VideoError):
            opened.unreadable.append({"video": str(clip.path), "message": str(result)})
        else:
            opened.clips.append(clip)
            opened.values.append(result)
    return opened
