"""A folder of answers: files that are written whole or not at all, and together hold every video once.

A video is known by its row's `source_sha256`. Jobs may write to a folder at once, and so answer a video twice; whoever
ends last leaves one row of each (`settle`).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from vidcls.batch.answers import source_sha256
from vidcls.batch.arrow import read_rows, to_parquet, with_rows
from vidcls.batch.remote import filesystem, is_on_this_machine
from vidcls.errors import ArgumentError, VidclsError
from vidcls.files.atomic import make_folder, remove_abandoned, write_whole
from vidcls.printable import printable
from vidcls.video.source import is_url, source_name

_COLUMNS = ("source_sha256", "path", "error_type", "error")

# Each round leaves fewer; only another job that takes away rows at the same moment makes a second one necessary.
_ROUNDS = 10


class PartsError(VidclsError):
    """A file of answers is damaged, or of an earlier version and does not say which videos it holds."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is there of a video. part: the file's path. error: what it failed with, and of which type; else None."""

    identity: str
    part: str
    error_type: str | None
    error: str | None


class Parts:
    """The Parquet files of one OUT folder.

    settings: what the answers depend on: the model, and how it is asked. Every file records them.
    """

    def __init__(self, out: str, settings: dict[str, Any]) -> None:
        self.out, self.settings = out, settings
        self._files, self._folder = filesystem(out)

    def prepare(self) -> None:
        """Make the folder, and remove what killed writers have left in it."""
        if is_on_this_machine(self._files):
            make_folder(Path(self._folder))
            remove_abandoned(Path(self._folder))
        else:
            self._files.makedirs(self._folder, exist_ok=True)

    def names(self) -> set[str]:
        """Of the files that are there, those that hold answers.

        Raises:
            ValueError: OUT is a file.
        """
        self._files.invalidate_cache()
        if self._files.isfile(self._folder):
            raise ArgumentError(f"{source_name(self.out)}: is a file; name a new folder for the answers")
        if not self._files.exists(self._folder):
            return set()
        names = {PurePosixPath(path).name for path in self._files.find(self._folder, maxdepth=1)}
        return {name for name in names if name.startswith("part-")}

    def answers(self) -> dict[str, Answer]:
        """What is there, by the videos' `source_sha256`: one answer of each, though jobs may have given two.

        Raises:
            ValueError: OUT is a file, or holds another model's answers.
            PartsError: a part is damaged, or of an earlier version.
        """
        return _chosen(self._read_all())

    def settle(self) -> dict[str, Answer]:
        """As `answers`, after rows that jobs have written twice are removed but for one.

        Of a video's rows one without an error stays, else the one in the part that comes first. So jobs that settle
        at once choose the same.
        """
        for _ in range(_ROUNDS):
            found = self._read_all()
            chosen = _chosen(found)
            doubled = [answer for answer in found if answer.part != chosen[answer.identity].part]
            if not doubled:
                break
            self._remove(doubled)
        return chosen

    def remove_failed(self, identities: Collection[str]) -> None:
        """Remove the rows with an error of these videos, so that they are without an answer."""
        answers = self.answers()
        found = [answers[identity] for identity in identities if identity in answers]
        self._remove(answer for answer in found if answer.error_type is not None)

    def write(self, part: str, rows: Sequence[dict[str, Any]]) -> None:
        """Write a part's rows. A reader never finds half of them, and writing them again changes nothing."""
        self._write(self._path(part_file(part)), to_parquet(rows, settings=self.settings))

    def _write(self, path: str, content: bytes) -> None:
        if is_on_this_machine(self._files):
            make_folder(Path(self._folder))
            write_whole(Path(path), content)
            return
        self._files.makedirs(self._folder, exist_ok=True)
        with self._files.open(path, "wb") as file:  # an object store shows a file when it is whole
            file.write(content)

    def _path(self, name: str) -> str:
        return str(PurePosixPath(self._folder) / name)

    def _read_all(self) -> list[Answer]:
        found: list[Answer] = []
        damaged: list[PartsError] = []
        for name in sorted(self.names()):
            try:
                found += self._read(self._path(name))
            except PartsError as error:
                damaged.append(error)
        if damaged:
            others = f"; {len(damaged) - 1} more cannot be read either" if damaged[1:] else ""
            raise PartsError(f"{damaged[0]}{others}")
        return found

    def _read(self, path: str) -> list[Answer]:
        """The answers of one file; none where another job has just removed it."""
        try:
            with self._files.open(path, "rb") as file:
                return self._read_answers(file, path)
        except FileNotFoundError:
            return []

    def _read_answers(self, file: BinaryIO, path: str) -> list[Answer]:
        try:
            settings, rows = read_rows(file, columns=_COLUMNS)
        except ValueError as error:
            raise PartsError(f"{path}: cannot be read ({error}); remove it and its videos are redone") from None
        changed = [name for name in self.settings | settings if settings.get(name) != self.settings.get(name)]
        if changed:
            raise ArgumentError(
                f"{source_name(self.out)}: holds answers with another {printable(' and '.join(changed))}; name a new "
                "folder"
            )
        return [
            Answer(identity=_identity(row, path), part=path, error_type=row.get("error_type"), error=row.get("error"))
            for row in rows
        ]

    def _remove(self, answers: Iterable[Answer]) -> None:
        """Remove rows; a part without any is removed itself."""
        doomed: defaultdict[str, set[str]] = defaultdict(set)
        for answer in answers:
            doomed[answer.part].add(answer.identity)
        for path, identities in doomed.items():
            try:
                content = self._files.cat_file(path)
                keep = [answer.identity not in identities for answer in self._read_answers(BytesIO(content), path)]
                if any(keep):
                    self._write(path, with_rows(content, keep))
                else:
                    self._files.rm_file(path)
            except FileNotFoundError:  # another job has removed it
                continue


def part_file(part: str) -> str:
    """The name of a part's file."""
    return f"part-{part}.parquet"


def part_name(videos: Iterable[str]) -> str:
    """A name that the same videos always have."""
    return hashlib.sha256("".join(map(source_sha256, videos)).encode("ascii")).hexdigest()[:16]


def _chosen(answers: Iterable[Answer]) -> dict[str, Answer]:
    """The answer of each video that stays."""
    chosen: dict[str, Answer] = {}
    for answer in answers:
        rival = chosen.setdefault(answer.identity, answer)
        if (answer.error_type is not None, answer.part) < (rival.error_type is not None, rival.part):
            chosen[answer.identity] = answer
    return chosen


def _identity(row: dict[str, Any], part: str) -> str:
    """A row's `source_sha256`; in a file of an earlier version, which has none, that of its path, if it is the path."""
    identity, path = row.get("source_sha256"), row.get("path")
    if isinstance(identity, str):
        return identity
    if "source_sha256" in row or not isinstance(path, str):
        raise PartsError(f"{part}: has a row that names no video; remove it and its videos are redone")
    if is_url(path) or "\ufffd" in path or not Path(path).is_absolute():
        raise PartsError(
            f"{part}: was written by an earlier version, which did not record which video '{printable(path)}' stands "
            "for; name a new folder"
        )
    return source_sha256(path)
