"""The only module that imports pyarrow ([ray]): rows as Parquet and back, and the object stores that Arrow opens."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from vidcls.errors import ArgumentError, DependencyError
from vidcls.printable import printable

try:
    import pyarrow as pa
    from pyarrow import parquet
    from pyarrow.fs import FileSystem
except ImportError as problem:
    raise DependencyError(
        f"pyarrow cannot be imported ({problem}); install it with 'pip install \"vidcls[ray]\"'"
    ) from problem

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
        ("source_sha256", pa.string()),
        ("probabilities", pa.list_(pa.float64())),
        ("known", pa.bool_()),
        ("labels_present", pa.list_(pa.string())),
    ]
)
_KEY = b"vidcls"


def to_parquet(rows: Sequence[dict[str, Any]], *, settings: dict[str, Any]) -> bytes:
    """A Parquet file of rows in SCHEMA, where what a row lacks is null, with the settings in its metadata."""
    schema = SCHEMA.with_metadata({_KEY: json.dumps(settings).encode()})
    return _parquet_bytes(pa.Table.from_pylist([dict.fromkeys(SCHEMA.names) | row for row in rows], schema=schema))


def read_rows(file: BinaryIO, *, columns: Sequence[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the settings, these columns of each row) of a file that `to_parquet` made, in this version or an earlier one.

    The settings are {} in any other file; what a file does not have is left out of its rows.

    Raises:
        ValueError: not a Parquet file, or a damaged one, or with other types.
    """
    with _named_damage():
        table = parquet.ParquetFile(file)
        settings = json.loads((table.schema_arrow.metadata or {}).get(_KEY, b"{}"))
        found = [name for name in columns if name in table.schema_arrow.names]
        rows: list[dict[str, Any]] = table.read(columns=found).to_pylist()
    if not isinstance(settings, dict) or any(
        not isinstance(value, str | None) for row in rows for value in row.values()
    ):
        raise ValueError("its columns are not those of answers")
    return settings, rows


def with_rows(content: bytes, keep: Sequence[bool]) -> bytes:
    """A Parquet file with some of its rows. keep: for each of them.

    Raises:
        ValueError: not a Parquet file, or a damaged one.
    """
    with _named_damage():
        table = parquet.read_table(io.BytesIO(content))
        return _parquet_bytes(table.filter(pa.array(keep, pa.bool_())))


@contextmanager
def _named_damage() -> Iterator[None]:
    """Arrow raises its own exceptions, and OSErrors without a number, on bytes that are no Parquet file."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(_one_line(error)) from None
    except (pa.ArrowException, KeyError) as error:
        raise ValueError(_one_line(error)) from None


def _one_line(error: Exception) -> str:
    return printable(" ".join(str(error).split()))


def _parquet_bytes(table: Any) -> bytes:
    buffer = pa.BufferOutputStream()
    parquet.write_table(table, buffer, compression="zstd")
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def read_column(content: bytes, *, names: Sequence[str], where: str) -> list[str]:
    """The texts of the first column of a Parquet file that has one of these names.

    Raises:
        ValueError: not a Parquet file, without such a column, or a row has none, and would be a video that nobody
            misses; names `where` it comes from.
    """
    try:
        with _named_damage():
            file = parquet.ParquetFile(io.BytesIO(content))
            columns = file.schema_arrow.names
            column = next((name for name in names if name in columns), None)
            texts = [] if column is None else file.read(columns=[column])[column].to_pylist()
    except ValueError as error:
        raise ArgumentError(f"{where}: is no Parquet file ({error})") from None
    if column is None:
        found = printable(", ".join(columns))
        raise ArgumentError(f"{where}: has the columns {found}, expected one named '{names[0]}'")
    named = ["" if text is None else str(text) for text in texts]
    short = next((row for row, text in enumerate(named, start=1) if not text.strip()), None)
    if short is not None:
        raise ArgumentError(f"{where}: row {short} names no video; add its name, or remove the row")
    return named


def open_object_store(url: str) -> tuple[Any, str]:
    """(Arrow's own filesystem, the path in it) of an s3:// or gs:// URL, whose query may name the server."""
    files, path = FileSystem.from_uri(url)
    return files, path
