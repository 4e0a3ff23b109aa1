"""Answers in Parquet: a folder of files, each written whole or not at all, that together hold every video once."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from vidcls.batch.remote import filesystem
from vidcls.video.source import is_url, source_name

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("label", pa.string()),
        ("score", pa.float64()),
        ("top", pa.list_(pa.struct([("label", pa.string()), ("score", pa.float64())]))),
        ("logits", pa.list_(pa.float32())),
        ("windows", pa.list_(pa.struct([("start", pa.float64()), ("end", pa.float64())]))),
        ("error", pa.string()),
        ("error_type", pa.string()),
        ("seconds", pa.float64()),
    ]
)
_KEY = b"vidcls"


class Parts:
    """The files of one OUT folder.

    settings: what the answers depend on, the model and how it is asked; kept in every file.
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
            raise ValueError(f"{source_name(self.out)}: is a file; name a new folder for the answers")
        found: set[str] = set()
        if not self._files.exists(self._folder):
            return found
        for path in sorted(self._files.find(self._folder)):
            if not PurePosixPath(path).name.startswith("part-"):
                continue
            with self._files.open(path, "rb") as file:
                try:
                    table = parquet.ParquetFile(file)
                    settings = json.loads((table.schema_arrow.metadata or {}).get(_KEY, b"null"))
                    names = table.read(columns=["path"])["path"].to_pylist()
                except (pa.ArrowException, KeyError, ValueError) as error:
                    raise ValueError(f"{path}: cannot be read ({error}); remove it and its videos are redone") from None
            if settings != self.settings:
                other = settings or {}
                changed = [name for name, value in self.settings.items() if other.get(name) != value]
                raise ValueError(
                    f"{source_name(self.out)}: holds answers with another {' and '.join(changed)}; name a new folder"
                )
            found.update(names)
        return found

    def prepare(self) -> None:
        """Make the folder."""
        self._files.makedirs(self._folder, exist_ok=True)

    def write(self, part: str, rows: Sequence[dict[str, Any]]) -> None:
        """Write a part's rows. A reader never sees half of them, and writing them again changes nothing."""
        schema = SCHEMA.with_metadata({_KEY: json.dumps(self.settings).encode()})
        table = pa.Table.from_pylist([dict.fromkeys(SCHEMA.names) | row for row in rows], schema=schema)
        buffer = pa.BufferOutputStream()
        parquet.write_table(table, buffer, compression="zstd")
        self.prepare()
        target = str(PurePosixPath(self._folder) / f"part-{part}.parquet")
        if is_url(self.out):  # an object store shows a file when it is whole
            with self._files.open(target, "wb") as file:
                file.write(buffer.getvalue())
            return
        hidden = Path(self._folder) / f".{part}.{uuid.uuid4().hex}"
        hidden.write_bytes(buffer.getvalue())
        hidden.replace(target)


def part_name(videos: Iterable[str]) -> str:
    """A name that the same videos always have."""
    return hashlib.sha256("\n".join(videos).encode("utf-8", "surrogateescape")).hexdigest()[:16]
