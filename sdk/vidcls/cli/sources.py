"""The sources that `vidcls predict` is given, before anything runs: listed, and checked against what is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

if TYPE_CHECKING:
    from vidcls.errors import VideoError
    from vidcls.inputs.kinds import VideoInput

    Source: TypeAlias = VideoInput | VideoError


def check_live(sources: Iterable[int | str], asked: dict[str, Any]) -> None:
    """Refuse options of files where one of the sources is a camera or another live source."""
    from vidcls.video.source import is_live, source_name

    live = next((source for source in sources if is_live(source)), None)
    named = [f"--{name}" for name, usual in (("views", 1), ("decoder", "auto")) if asked[name] != usual]
    if live is not None and named:
        raise click.UsageError(
            f"{' and '.join(named)} cannot be had of {source_name(live)}, which is live; leave it out"
        )


def check_spared(written: Path, sources: Iterable[int | str]) -> None:
    """Refuse a file to be written that is one of the sources, or one of what a pattern among them matches."""
    from vidcls.annotation.formats import is_same_file
    from vidcls.inputs.sources import each_video

    ending = written.suffix.lower()
    # Of a folder only files with a video's ending are taken.
    ended_so = [source for source in sources if isinstance(source, str) and source.lower().endswith(ending)]
    if any(isinstance(video, str) and is_same_file(written, video) for video in each_video(ended_so)):
        raise click.UsageError(f"{written} is one of the sources, and would be overwritten; name another file to write")


def check_video_is_spared(written: Path, video: str) -> None:
    """Refuse a file to be written that is the video itself: a .gif is both a video and a picture."""
    from vidcls.annotation.formats import is_same_file

    if is_same_file(written, video):
        raise click.UsageError(f"{written} is the video itself, and would be overwritten; name another file to write")


def videos_of_sources(sources: Sequence[int | str], *, save: Path | None) -> Iterable[Source]:
    """The videos of the sources, in order, as they are needed.

    Where copies are saved to a folder below a source, they are listed beforehand, and what lies in that folder is left
    out: copies, also those of an earlier run, are no videos to classify.
    """
    from vidcls.inputs.sources import each_video

    if save is None:
        return each_video(sources)
    return [video for source in sources for video in _without_copies(source, save)]


def _without_copies(source: int | str, save: Path) -> Iterator[Source]:
    from vidcls.errors import VideoError
    from vidcls.inputs.sources import each_video

    videos = list(each_video([source]))
    kept = [video for video in videos if not _is_copy(video, source, save)]
    if not kept:
        yield VideoError(str(source), f"all its videos lie in {save}, where copies are saved; name another --save")
    yield from kept


def _is_copy(video: Source, source: int | str, save: Path) -> bool:
    """Whether a video was found in the folder of copies, on the way down from a source that does not name it."""
    if not isinstance(video, str) or video == source:
        return False
    folder, named = save.resolve(), Path(_start(str(source))).resolve()
    return named in folder.parents and folder in Path(video).resolve().parents


def _start(source: str) -> str:
    """The folder from which a source's videos are looked for."""
    import glob

    while glob.has_magic(source) and not os.path.lexists(source):
        source = str(Path(source).parent)
    return source
