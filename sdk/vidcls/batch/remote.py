"""Files that are not on this machine, found, listed and fetched: the only module that imports fsspec ([ray]).

S3 and Google Cloud Storage are Arrow's own; it reads the usual variables (AWS_ACCESS_KEY_ID,
AWS_ENDPOINT_URL and so on). What else fsspec knows, with the package it needs, works as well.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import Any

from vidcls.batch.arrow import open_object_store
from vidcls.errors import ArgumentError, DependencyError, VideoError
from vidcls.printable import printable
from vidcls.video.source import VideoSource, is_url, source_name

try:
    import fsspec.core
    from fsspec.implementations.arrow import ArrowFSWrapper
    from fsspec.implementations.local import LocalFileSystem
except ImportError as problem:
    raise DependencyError(
        f"fsspec cannot be imported ({problem}); install it with 'pip install \"vidcls[ray]\"'"
    ) from problem

# FFmpeg opens these itself, and seeks in them instead of fetching all.
_OPENED_BY_DECODERS = ("http://", "https://", "rtsp://", "rtsps://", "rtmp://")
_OPENED_BY_ARROW = ("s3://", "gs://")
# fsspec's description of files that are pieces of other files, anywhere.
_NAMES_OTHERS = "reference:"


def is_fetched(name: str) -> bool:
    """Whether a video of this name has to be fetched before it can be decoded."""
    return is_url(name) and not name.lower().startswith(_OPENED_BY_DECODERS)


@contextmanager
def fetched(source: int | VideoSource) -> Iterator[int | VideoSource]:
    """What a decoder can open: the source itself, or a copy of it that lasts as long as the context.

    Raises:
        VideoError: it cannot be fetched; or what is raised inside, under the source's own name.
    """
    if not isinstance(source, str) or not is_fetched(source):
        yield source
        return
    name = source_name(source)
    with NamedTemporaryFile(prefix="vidcls-", suffix=PurePosixPath(source).suffix[:8]) as copy:
        try:
            files, path = filesystem(source)
            with files.open(path, "rb") as remote:
                shutil.copyfileobj(remote, copy, 1 << 20)
            copy.flush()
        except Exception as error:  # noqa: BLE001 - filesystems are anyone's; one bad name is not to end the job
            raise VideoError(name, f"cannot be fetched ({_one_line(error)})") from None
        try:
            yield copy.name
        except VideoError as error:
            raise VideoError(name, str(error).removeprefix(f"{error.path}: ")) from None


def filesystem(url: str) -> tuple[Any, str]:
    """(an fsspec filesystem, the path in it) of a URL or of a local path.

    Raises:
        ValueError: there is nothing that opens such a URL.
    """
    if is_url(url) and any(link.startswith(_NAMES_OTHERS) for link in url.lower().split("::")):
        raise ArgumentError(f"{source_name(url)}: is a list of other files; name the files themselves")
    if url.startswith(_OPENED_BY_ARROW):
        files, path = open_object_store(url)
        return ArrowFSWrapper(files), path
    try:
        files, path = fsspec.core.url_to_fs(url if is_url(url) else str(Path(url).absolute()))
    except (ImportError, ValueError) as error:
        raise ArgumentError(f"{source_name(url)}: cannot be opened ({_one_line(error)})") from None
    return files, path


def is_on_this_machine(files: Any) -> bool:
    """Whether what `filesystem` returned writes to a disk, or to what is mounted like one."""
    return isinstance(files, LocalFileSystem)


def _one_line(error: Exception) -> str:
    return printable(" ".join(str(error).split()))
