"""What an ONNX file says of itself, read without an engine: so that nothing of it runs before it is known to be whole.

An ONNX file is one protobuf message, ModelProto (onnx.proto3 of the ONNX project; the encoding is described at
protobuf.dev). Only names, sizes and the contract are read, so a file of gigabytes takes milliseconds. What an engine
might understand otherwise than this reader is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

# An ONNX file is one protobuf message, and protobuf's have at most so many bytes.
MAX_BYTES = 2**31 - 1
# Several times what the largest export has; a file of nothing but fields would take minutes.
MAX_FIELDS = 300_000

# Protobuf's wire types.
_VARINT, _LENGTH_DELIMITED = 0, 2
_FIXED_BYTES = {1: 8, 5: 4}
_LONGEST_HEADER = 20  # two numbers of ten bytes

# Field numbers of ModelProto, of the StringStringEntryProtos that its metadata is made of, and of TensorProto.
_METADATA_PROPS = 14
_KEY, _VALUE = 1, 2
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
# The messages that an export is made of, by the numbers of the fields they stand in.
_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor"},
    "tensor": {},
}
# What no export holds. A graph that is a straight line ends, takes as long as its size says, and names no other file.
_FOREIGN: dict[str, dict[int, str]] = {
    "model": {20: "a part for training", 25: "a function"},
    "graph": {15: "a sparse tensor"},
    "node": {},
    "attribute": {6: "a loop or a branch", 11: "a loop or a branch", 22: "a sparse tensor", 23: "a sparse tensor"},
    "tensor": {_EXTERNAL_DATA: "a tensor whose values are in another file"},
}


class _Field(NamedTuple):
    """A field of a message. value: of a varint; else 0. start, end: where its content stands in the file."""

    number: int
    kind: int
    value: int
    start: int
    end: int


class _Reader:
    """The fields of the messages in one file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._fields_read = 0

    def fields(self, start: int, end: int) -> Iterator[_Field]:
        """Of the message between two places of the file."""
        while start < end:
            self._fields_read += 1
            if self._fields_read > MAX_FIELDS:
                raise ValueError(f"more than {MAX_FIELDS:,} fields, as no export has")
            field = self._field(start, end)
            yield field
            start = field.end

    def text(self, field: _Field, *, limit: int) -> str:
        """A field's content, UTF-8, once its length is known to be at most `limit` bytes."""
        if field.end - field.start > limit:
            raise ValueError(f"a text of {field.end - field.start:,} bytes, expected at most {limit:,}")
        self._file.seek(field.start)
        return self._file.read(field.end - field.start).decode("utf-8")

    def _field(self, start: int, end: int) -> _Field:
        self._file.seek(start)
        header = self._file.read(min(_LONGEST_HEADER, end - start))
        tag, length = _varint(header, 0, at=start)
        number, kind = divmod(tag, 8)
        if number == 0 or tag >> 32:  # protobuf's readers would take the lower 32 bits
            raise ValueError(f"no protobuf message at byte {start}")
        if kind == _VARINT:
            value, length = _varint(header, length, at=start)
            return _Field(number, kind, value, start + length, start + length)
        size = _FIXED_BYTES.get(kind)
        if kind == _LENGTH_DELIMITED:
            size, length = _varint(header, length, at=start)
        if size is None or start + length + size > end:
            raise ValueError(f"no protobuf message at byte {start}")
        return _Field(number, kind, 0, start + length, start + length + size)


def read_text(path: Path, key: str, *, limit: int) -> str | None:
    """The text that the file's metadata has under `key`; None if it has none.

    Raises:
        ValueError: not one whole protobuf message; or there are two such texts, or it has more than `limit` bytes, or
            is not UTF-8.
        OSError: the file cannot be read.
    """
    found: list[str] = []
    with path.open("rb") as file:
        reader = _Reader(file)
        for entry in reader.fields(0, path.stat().st_size):
            if entry.number == _METADATA_PROPS and entry.kind == _LENGTH_DELIMITED:
                fields = reader.fields(entry.start, entry.end)
                parts = {field.number: field for field in fields if field.number in (_KEY, _VALUE)}
                name = parts.get(_KEY)
                if name is None or name.end - name.start != len(key.encode()):
                    continue
                if reader.text(name, limit=limit) == key:
                    value = parts.get(_VALUE)
                    found.append("" if value is None else reader.text(value, limit=limit))
    if len(found) > 1:
        raise ValueError(f"its metadata holds '{key}' {len(found)} times")
    return found[0] if found else None


def foreign_part(path: Path) -> str | None:
    """What the file holds that no export does, for messages; None if there is nothing.

    That is a tensor whose values are in another file, a loop, a branch, a function of its own: wherever it stands.

    Raises:
        ValueError: not one whole protobuf message.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return _foreign_part(_Reader(file), "model", 0, path.stat().st_size)


def _foreign_part(reader: _Reader, message: str, start: int, end: int) -> str | None:
    parts, foreign = _PARTS[message], _FOREIGN[message]
    for field in reader.fields(start, end):
        if message == "tensor" and field.number == _DATA_LOCATION and field.value != 0:
            return foreign[_EXTERNAL_DATA]
        if field.number in foreign:
            return foreign[field.number]
        if field.number in parts and field.kind == _LENGTH_DELIMITED:
            found = _foreign_part(reader, parts[field.number], field.start, field.end)
            if found is not None:
                return found
    return None


def _varint(header: bytes, start: int, *, at: int) -> tuple[int, int]:
    """(the next number, where it ends): seven bits a byte, the lowest first; the last has its highest bit clear."""
    value = 0
    for index, byte in enumerate(header[start : start + 10]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, start + index + 1
    raise ValueError(f"no protobuf number at byte {at}")
