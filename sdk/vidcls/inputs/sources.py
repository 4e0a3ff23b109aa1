"""What a person names -> videos, in order: files as they are, folders, and patterns such as 'clips/*.mp4'."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path, PurePath
from typing import Any

from vidcls.errors import VideoError
from vidcls.files.kinds import where_else
from vidcls.inputs.kinds import VideoInput, one_video
from vidcls.video.folders import VIDEO_EXTENSIONS, may_be_file, walk_videos
from vidcls.video.source import VideoSource, camera_number, is_url, source_name

# Of pictures that somebody may have made of a video, frame by frame.
_PICTURES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
# Of a folder's entries, so many are looked at to say what is in it.
_ENTRIES = 1000
_LISTED = "a folder, a pattern such as 'clips/*.mp4', or paths and URLs"


def check_is_one(source: int | VideoSource, *, instead: str | None = None) -> None:
    """Raise VideoError where a source is a folder or a pattern: of many videos, and one is asked for.

    Args:
        source: what is given.
        instead: what takes many, as a sentence without its end; None: predict_many.
    """
    name = _local_name(source)
    if name is None:
        return
    many = instead or f"predict_many({name!r}) answers for each of its videos"
    if _is_folder(name):
        raise VideoError(source_name(source), _of_pictures(name) or f"is a folder; {many}")
    if _is_pattern(name):
        raise VideoError(source_name(source), f"is a pattern, and no file is called so; {many}")


def every_video(videos: object) -> Iterable[VideoInput | VideoError]:
    """What `predict_many` was given, video by video.

    One name alone may be a folder's or a pattern. Items are one video each, so that as many answers come as there are
    items; in the place of one that is a folder or a pattern: why it has no answer. They are taken one by one, so there
    may be endlessly many: only the names in one folder are held at a time.

    Args:
        videos: one source, which is never taken apart, or an iterable of such.

    Raises:
        TypeError: neither.
        VideoError: one source alone, which is a name, and leads to no video.
    """
    if isinstance(videos, str | os.PathLike):
        name = _local_name(videos)
        if name is not None and not _is_pattern(name) and _is_missing(name):
            hint = where_else(Path(name), VIDEO_EXTENSIONS) or "check its name"
            raise VideoError(source_name(videos), f"there is no such file or folder; {hint}")
        found = videos_of(videos)
        return chain([next(found)], found)
    if isinstance(videos, bytes | bytearray | memoryview):
        return [videos]
    if isinstance(videos, Mapping) or hasattr(videos, "columns"):
        raise TypeError(
            f"videos is a {type(videos).__name__}, expected {_LISTED}; give the list or column of its names"
        )
    if camera_number(videos) is not None:
        return [one_video(videos)]
    if getattr(getattr(videos, "dtype", None), "kind", "O") not in "OUS":
        raise TypeError(f"videos is an array, expected {_LISTED}; predict(frames, fps=25.0) takes one video's frames")
    if isinstance(videos, Iterable) and not hasattr(videos, "read"):
        return _each_alone(videos)
    return [one_video(videos)]


def _each_alone(videos: Iterable[VideoInput | VideoError]) -> Iterator[VideoInput | VideoError]:
    for video in videos:
        yield _why_many(video) or video


def _why_many(video: Any) -> VideoError | None:
    try:
        check_is_one(video)
    except VideoError as error:
        return error
    return None


def each_video(sources: Iterable[VideoInput | VideoError]) -> Iterator[VideoInput | VideoError]:
    """The videos that sources name, one after the other; in the place of a folder or pattern of no video, why.

    A source may be many videos, as on a command line; `every_video` is for what a program lists.
    """
    for source in sources:
        if not isinstance(source, str | os.PathLike):
            yield source
            continue
        try:
            yield from videos_of(source)
        except VideoError as error:
            yield error


def typed_source(text: str) -> int | str:
    """What was typed on a command line: a camera's number, where it is one and no file is called so; else a name.

    Examples:
        >>> typed_source("0"), typed_source("clip.avi")
        (0, 'clip.avi')
    """
    return int(text) if text.isdecimal() and not os.path.lexists(text) else text


def videos_of(source: str | os.PathLike[str]) -> Iterator[str | os.PathLike[str]]:
    """The videos that one name stands for: itself, or what is below a folder, or what a pattern matches.

    A folder gives every video below it, at any depth, sorted, hidden ones left out. A pattern (*, ?, [...], and ** for
    any depth) gives what it matches, sorted: files with a video's ending, or with the one that the pattern ends in, and
    the videos below folders. A name that is there is no pattern, whatever is in it.

    Raises:
        VideoError: a folder or a pattern of no video.
    """
    name = _local_name(source)
    if name is None or not (_is_folder(name) or _is_pattern(name)):
        yield source
        return
    found = walk_videos(Path(name)) if _is_folder(name) else _matches(name)
    first = next(found, None)
    if first is None:
        raise VideoError(source_name(source), _without_videos(name))
    for video in chain([first], found):
        yield str(video) if isinstance(source, str) else video


def _local_name(source: object) -> str | None:
    """The path, where it is one: no URL, and not empty."""
    if not isinstance(source, str | os.PathLike):
        return None
    name = os.fspath(source)
    if not isinstance(name, str) or not name.strip() or (isinstance(source, str) and is_url(name)):
        return None
    return name


def _is_folder(name: str | os.PathLike[str]) -> bool:
    return os.path.isdir(name)  # noqa: PTH112 - pathlib's own raises where a name cannot be looked for


def _is_pattern(name: str) -> bool:
    return glob.has_magic(name) and not os.path.lexists(name)


def _is_missing(name: str) -> bool:
    """Whether nothing is called so; of what cannot be looked for, opening it says why."""
    try:
        os.lstat(name)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def _matches(pattern: str) -> Iterator[Path]:
    ending = PurePath(pattern).suffix
    endings = VIDEO_EXTENSIONS if not ending or glob.has_magic(ending) else {*VIDEO_EXTENSIONS, ending.lower()}
    for path in sorted(set(map(Path, _paths(pattern)))):
        if not _is_folder(path):
            yield from [path] if path.suffix.lower() in endings and may_be_file(path) else []
        elif "**" not in pattern:  # which matches what is in the folder too
            yield from walk_videos(path)


def _paths(pattern: str) -> Iterator[str]:
    """What a pattern matches, in no order. `**` follows no link to a folder: one that leads back has no end."""
    parts = PurePath(pattern).parts
    if "**" not in parts:
        yield from glob.iglob(pattern)  # noqa: PTH207 - pathlib's own takes relative patterns only
        return
    place = parts.index("**")
    before, after = parts[:place], parts[place + 1 :]
    for start in _paths(os.path.join(*before)) if before else [os.curdir]:  # noqa: PTH118 - a pattern
        for folder, folders, files in os.walk(start):
            folders[:] = [name for name in folders if not name.startswith(".")]
            if after:
                yield from _paths(os.path.join(glob.escape(folder), *after))  # noqa: PTH118
            else:
                yield from (os.path.join(folder, name) for name in files if not name.startswith("."))  # noqa: PTH118


def _without_videos(name: str) -> str:
    is_folder = _is_folder(name)
    if is_folder and (pictures := _of_pictures(name)) is not None:
        return pictures
    hint = where_else(Path(name), VIDEO_EXTENSIONS) if name.startswith("~") else None
    problem = "is a folder without a video" if is_folder else "no video matches this pattern"
    return f"{problem}; {hint or 'videos are known by their endings, such as .mp4 and .avi'}"


def _of_pictures(folder: str) -> str | None:
    """What to say of a folder of nothing but pictures."""
    try:
        with os.scandir(folder) as entries:
            files = [entry.name for entry in islice(entries, _ENTRIES) if may_be_file(Path(entry.path))]
    except OSError as error:
        return f"is a folder that cannot be read ({error.strerror})"
    endings = {PurePath(name).suffix.lower() for name in files}
    if not endings & _PICTURES or endings & VIDEO_EXTENSIONS:
        return None
    return (
        "is a folder of pictures, not of videos; open them in their order, and give them to predict(frames, fps=25.0)"
    )
