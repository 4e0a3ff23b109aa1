"""What is to be classified: a folder, a pattern, a list or a URL -> the names of its videos.

A list is trusted as the command line is: it may name absolute paths, paths above its own folder and URLs. What it
names is a video, whatever it is called: never another list, a folder or a pattern that is read in turn.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from vidcls.batch.arrow import read_column
from vidcls.batch.remote import filesystem, is_fetched
from vidcls.errors import ArgumentError
from vidcls.printable import printable
from vidcls.video.folders import VIDEO_EXTENSIONS
from vidcls.video.source import is_url, source_name

# Names of the column that holds the videos; else the first one does.
_COLUMNS = ("path", "video")
_LISTS = (".txt", ".csv", ".parquet")
_MAGIC = "*?["


def list_source(source: str) -> list[str]:
    """The videos that a SOURCE names, in order, as often as it names them; paths are absolute.

    A folder gives all videos below it, sorted; a pattern with *, ? or [] the videos that it matches, and
    what else has the ending that it names; .txt a name a line, .csv and .parquet their column `path`, with names
    relative to the list's own folder. Anything else is a video itself. All of them may be URLs that fsspec knows.

    Raises:
        ValueError: there is no such thing, or it names no video.
    """
    if is_url(source) and not is_fetched(source):  # http: nothing to list there
        return [source]
    files, path = filesystem(source)
    try:
        names = _names(files, path, source)
    except OSError as error:
        problem = printable(" ".join(str(error).split()))
        raise ArgumentError(f"{source_name(source)}: cannot be read ({problem})") from None
    if not names:
        raise ArgumentError(f"{source_name(source)}: holds no videos; name a folder, a pattern, a list or a video")
    return names


def _names(files: Any, path: str, source: str) -> list[str]:
    prefix = source.partition("://")[0] + "://" if is_url(source) else ""
    question = source.partition("?")[2]  # where pyarrow takes a server's address from
    suffix = f"?{question}" if prefix and question else ""

    def named(paths: Iterable[str]) -> list[str]:
        return [f"{prefix}{found}{suffix}" for found in sorted(paths)]

    if any(character in path for character in _MAGIC) and not files.exists(path):
        hidden = PurePosixPath(path).name.startswith(".")
        folder = re.split(rf"[{re.escape(_MAGIC)}]", path)[0].rpartition("/")[0]
        matched = (found for found in files.glob(path) if hidden or not _is_hidden(found, folder))
        return named(found for found in matched if _is_meant(found, path) and files.isfile(found))
    if files.isdir(path):
        return named(found for found in files.find(path) if _is_visible_video(found, path))
    if not files.exists(path):
        raise ArgumentError(f"{source_name(source)}: there is no such file or folder")
    if not files.isfile(path):
        raise ArgumentError(f"{source_name(source)}: is neither a file nor a folder")
    if PurePosixPath(path).suffix.lower() not in _LISTS:
        return [source if is_url(source) else path]
    with files.open(path, "rb") as file:
        listed = _read_list(file.read(), path, source)
    if not prefix:
        return [name if is_url(name) else str(Path(path).parent / name) for name in listed]
    folder = str(PurePosixPath(path).parent)
    return [name if is_url(name) or name.startswith("/") else f"{prefix}{folder}/{name}{suffix}" for name in listed]


def _is_meant(path: str, pattern: str) -> bool:
    """Whether what a pattern matches is a video by its ending, or has the one that the pattern names."""
    ending, named = (PurePosixPath(each).suffix.lower() for each in (path, pattern))
    return ending in VIDEO_EXTENSIONS or (bool(named) and ending == named)


def _is_visible_video(path: str, folder: str) -> bool:
    return PurePosixPath(path).suffix.lower() in VIDEO_EXTENSIONS and not _is_hidden(path, folder)


def _is_hidden(path: str, folder: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(path.removeprefix(folder)).parts)


def _read_list(content: bytes, path: str, source: str) -> list[str]:
    kind = PurePosixPath(path).suffix.lower()
    if kind == ".parquet":
        return read_column(content, names=_COLUMNS, where=source_name(source))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{source_name(source)}: is not UTF-8 text ({error}); save it as UTF-8") from None
    if kind == ".txt":
        return [line.strip() for line in text.splitlines() if line.strip()]
    return _read_csv(text, where=source_name(source))


def _read_csv(text: str, *, where: str) -> list[str]:
    """The names in the column of videos, in order.

    Raises:
        ValueError: it is no CSV, as where a quote is never closed; or a row has none, and would be a video that nobody
            misses.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ArgumentError(f"{where}: line {reader.line_num} is not of a CSV ({error}); correct it") from None
    if not rows:
        return []
    header = rows[0][1]
    named = next((header.index(column) for column in _COLUMNS if column in header), None)
    column = named or 0
    listed = rows if named is None else rows[1:]
    short = next((line for line, row in listed if len(row) <= column or not row[column].strip()), None)
    if short is not None:
        raise ArgumentError(f"{where}: line {short} names no video; add its name, or remove the line")
    return [row[column] for _, row in listed]
