"""A folder of answers: files that are written whole or not at all, and together hold every video once."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from vidcls.batch.arrow import read_paths, to_parquet
from vidcls.batch.remote import filesystem
from vidcls.errors import ArgumentError
from vidcls.video.source import is_url, source_name


class Parts:
    """The Parquet files of one OUT folder.

    settings: what the answers depend on: the model, and how it is asked. Every file records them.
    """

    def __init__(self, out: str, settings: dict[str, Any]) -> None:
        self.out, self.settings = out, settings
        self._files, self._folder = filesystem(out)

    def done(self) -> set[str]:
        """The videos that have a row already.

        Raises:
            ValueError: OUT is not such a folder, or holds another model's answers.
        """
        if self._files.isfile(self._folder):
            raise ArgumentError(f"{source_name(self.out)}: is a file; name a new folder for the answers")
        found: set[str] = set()
        if not self._files.exists(self._folder):
            return found
        for path in sorted(self._files.find(self._folder)):
            if PurePosixPath(path).name.startswith("part-"):
                found.update(self._read(path))
        return found

    def prepare(self) -> None:
        """Make the folder."""
        self._files.makedirs(self._folder, exist_ok=True)

    def write(self, part: str, rows: Sequence[dict[str, Any]]) -> None:
        """Write a part's rows. A reader never finds half of them, and writing them again changes nothing."""
        content = to_parquet(rows, settings=self.settings)
        self.prepare()
        target = str(PurePosixPath(self._folder) / f"part-{part}.parquet")
        if is_url(self.out):  # an object store shows a file when it is whole
            with self._files.open(target, "wb") as file:
                file.write(content)
            return
        hidden = Path(self._folder) / f".{part}.{uuid.uuid4().hex}"
        hidden.write_bytes(content)
        hidden.replace(target)

    def _read(self, path: str) -> list[str]:
        """The videos of one file."""
        with self._files.open(path, "rb") as file:
            try:
                settings, videos = read_paths(file)
            except ValueError as error:
                raise ArgumentError(f"{path}: cannot be read ({error}); remove it and its videos are redone") from None
        changed = [name for name in self.settings | settings if settings.get(name) != self.settings.get(name)]
        if changed:
            raise ArgumentError(
                f"{source_name(self.out)}: holds answers with another {' and '.join(changed)}; name a new folder"
            )
        return videos


def part_name(videos: Iterable[str]) -> str:
    """A name that the same videos always have."""
    return hashlib.sha256("\n".join(videos).encode("utf-8", "surrogateescape")).hexdigest()[:16]
