"""What an ONNX file says of itself, read without an engine: so that a model is opened once, on the right device.

An ONNX file is one protobuf message, ModelProto (onnx.proto3 of the ONNX project; the encoding is described at
protobuf.dev). Its graph is passed over, so a file of gigabytes is read in milliseconds.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# Field numbers of ModelProto, and of the StringStringEntryProtos that its metadata is made of.
_METADATA_PROPS = 14
_KEY, _VALUE = 1, 2
# Protobuf's wire types.
_VARINT, _LENGTH_DELIMITED = 0, 2
_FIXED_BYTES = {1: 8, 5: 4}


def read_metadata(path: Path) -> dict[str, str]:
    """The file's metadata texts, by key.

    Raises:
        ValueError: not one whole protobuf message, or a text in it is not UTF-8.
        OSError: the file cannot be read.
    """
    found: dict[str, str] = {}
    with path.open("rb") as file:
        for number, content in _fields(file, size=path.stat().st_size, wanted={_METADATA_PROPS}):
            if number == _METADATA_PROPS:
                entry = dict(_fields(io.BytesIO(content), size=len(content), wanted={_KEY, _VALUE}))
                found[entry.get(_KEY, b"").decode()] = entry.get(_VALUE, b"").decode()
    return found


def _fields(message: BinaryIO, *, size: int, wanted: set[int]) -> Iterator[tuple[int, bytes]]:
    """(number, content) of the length-delimited fields of a message of `size` bytes; empty for those not wanted."""
    while message.tell() < size:
        number, kind = divmod(_varint(message), 8)
        if number == 0:
            raise ValueError(f"no protobuf message at byte {message.tell()}")
        if kind == _VARINT:
            _varint(message)
            continue
        length = _varint(message) if kind == _LENGTH_DELIMITED else _FIXED_BYTES.get(kind)
        if length is None or message.tell() + length > size:
            raise ValueError(f"no protobuf message at byte {message.tell()}")
        content = message.read(length) if number in wanted else b""
        if number not in wanted:
            message.seek(length, io.SEEK_CUR)
        if kind == _LENGTH_DELIMITED:
            yield number, content


def _varint(message: BinaryIO) -> int:
    """The next number: seven bits a byte, the lowest first; all bytes but the last have their highest bit set."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message.read(1)
        if not byte:
            break
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise ValueError(f"no protobuf number at byte {message.tell()}")
