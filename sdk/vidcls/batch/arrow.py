"""The only module that imports pyarrow ([ray]): rows as Parquet and back, and the object stores that Arrow opens."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any, BinaryIO

from vidcls.errors import ArgumentError, DependencyError

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
    ]
)
_KEY = b"vidcls"


def to_parquet(rows: Sequence[dict[str, Any]], *, settings: dict[str, Any]) -> bytes:
    """A Parquet file of rows in SCHEMA, where what a row lacks is null, with the settings in its metadata."""
    schema = SCHEMA.with_metadata({_KEY: json.dumps(settings).encode()})
    table = pa.Table.from_pylist([dict.fromkeys(SCHEMA.names) | row for row in rows], schema=schema)
    buffer = pa.BufferOutputStream()
    parquet.write_table(table, buffer, compression="zstd")
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def read_paths(file: BinaryIO) -> tuple[dict[str, Any], list[str]]:
    """(the settings, the column `path`) of a file that `to_parquet` made; the settings are {} in any other one.

    Raises:
        ValueError: not a Parquet file, or without such a column.
    """
    try:
        table = parquet.ParquetFile(file)
        settings = json.loads((table.schema_arrow.metadata or {}).get(_KEY, b"{}"))
        return settings, table.read(columns=["path"])["path"].to_pylist()
    except (pa.ArrowException, KeyError) as error:
        raise ArgumentError(str(error)) from None


def read_column(content: bytes, *, names: Sequence[str], where: str) -> list[str]:
    """The texts of the first column of a Parquet file that has one of these names, without nulls and empty ones.

    Raises:
        ValueError: not a Parquet file, or without such a column; names `where` it comes from.
    """
    try:
        file = parquet.ParquetFile(io.BytesIO(content))
    except pa.ArrowException as error:
        raise ArgumentError(f"{where}: is no Parquet file ({error})") from None
    columns = file.schema_arrow.names
    column = next((name for name in names if name in columns), None)
    if column is None:
        raise ArgumentError(f"{where}: has the columns {', '.join(columns)}, expected one named '{names[0]}'")
    return [str(text) for text in file.read(columns=[column])[column].to_pylist() if text]


def open_object_store(url: str) -> tuple[Any, str]:
    """(Arrow's own filesystem, the path in it) of an s3:// or gs:// URL, whose query may name the server."""
    files, path = FileSystem.from_uri(url)
    return files, path
