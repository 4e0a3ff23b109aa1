"""A sound model file -> 200 hostile or damaged ones, each the same again for the same number."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import onnx

from fuzz.hostile_graphs import GRAPHS, sound_graph
from generated import contract_fields, self_test_logits, write_model

ZEROS = b"0" * 64


class Mutant(NamedTuple):
    """What was done, and what makes the file's content."""

    description: str
    make: Callable[[], bytes]


def with_hash(content: bytes, *, recorded: bytes = ZEROS) -> bytes:
    """The file with the hash that fits it, where `recorded` stood."""
    zeros = content.replace(recorded, ZEROS)
    return zeros.replace(ZEROS, hashlib.sha256(zeros).hexdigest().encode(), 1)


def complete_fields() -> dict[str, Any]:
    fields = contract_fields()
    fields["self_test"]["logits"] = self_test_logits(fields)
    return fields


def embedded(text: str | bytes, proto: onnx.ModelProto | None = None) -> bytes:
    """A sound graph, or `proto`, with that contract, and the hash that fits."""
    made = onnx.ModelProto()
    made.CopyFrom(sound_graph() if proto is None else proto)
    del made.metadata_props[:]
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    entry = b"\x0a\x06vidcls\x12" + varint(len(raw)) + raw
    return with_hash(made.SerializeToString() + b"\x72" + varint(len(entry)) + entry)


def varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


# Values for any field: of other types, out of every range, and long or deep.
HOSTILE: list[Any] = [
    None, True, 0, -1, 1e-9, 1e30, 10**30, 10**900, "", "x" * 10_000_000, "a\x1b[2J\nb", "\u202ereversed", "\ud800",
    [], {}, [[]] * 1000, {"a": {"b": {"c": [1] * 1000}}}, ["x"] * 100_000, [0.5] * 100_000,
]  # fmt: skip


def contract_mutants(dice: random.Random) -> Iterator[Mutant]:
    """Every field with two hostile values."""
    for path in sorted(_paths(contract_fields())):
        for value in dice.sample(HOSTILE, 2):
            yield Mutant(f"{'.'.join(path)} = {_begun(value)}", partial(_with_value, path, value))


def _begun(value: Any) -> str:
    return repr(value[:30] if isinstance(value, str | list) else value)[:30]


def _with_value(path: tuple[str, ...], value: Any) -> bytes:
    fields = complete_fields()
    section = fields
    for name in path[:-1]:
        section = section[name]
    section[path[-1]] = value
    return embedded(json.dumps(fields))


def _paths(section: dict[str, Any], parents: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in section.items():
        yield (*parents, name)
        if isinstance(value, dict):
            yield from _paths(value, (*parents, name))


def text_mutants() -> Iterator[Mutant]:
    """The contract's text broken as a text."""
    text = json.dumps(complete_fields())
    sound = text.encode()

    def changed(old: str, new: str) -> str:
        assert text.count(old) == 1, old
        return text.replace(old, new)

    keys = ",".join(f'"{number}":0' for number in range(700_000))
    texts: dict[str, str | bytes] = {
        "nothing": "",
        "half of it": text[: len(text) // 2],
        "nested lists": "[" * 1_000_000,
        "nested objects": '{"a":' * 1_000_000,
        "a deep field": changed('"labels": ', f'"deep": {"[" * 900 + "]" * 900}, "labels": '),
        "a field twice": changed('"labels": ', '"format": 2, "labels": '),
        "many keys": changed('"labels": ', f'"more": {{{keys}}}, "labels": '),
        "a key twice among many": changed('"labels": ', f'"more": {{{keys},"0":0}}, "labels": '),
        "a long number": changed('"clip_seconds": 0.8', f'"clip_seconds": {"9" * 5_000_000}'),
        "a long fraction": changed('"clip_seconds": 0.8', f'"clip_seconds": 0.{"9" * 5_000_000}'),
        "1e999": changed('"clip_seconds": 0.8', '"clip_seconds": 1e999'),
        "NaN": changed('"clip_seconds": 0.8', '"clip_seconds": NaN'),
        "-Infinity": changed('"clip_seconds": 0.8', '"clip_seconds": -Infinity'),
        "-0.0": changed('"clip_seconds": 0.8', '"clip_seconds": -0.0'),
        "a million labels": changed('"labels": [', '"labels": [' + '"x",' * 1_000_000),
        "labels that are empty lists": changed('"labels": [', '"labels": [' + "[]," * 3_000_000),
        "13 MB": text + " " * 13_000_000,
        "12 MB of blanks": text + " " * 12_000_000,
        "a byte order mark": b"\xef\xbb\xbf" + sound,
        "UTF-16": text.encode("utf-16"),
        "not UTF-8": sound.replace(b"clap", b"cl\xffp"),
        "a surrogate in UTF-8": sound.replace(b"clap", b"cl\xed\xa0\x80"),
        "an escaped surrogate": changed("clap", "\\ud800"),
        "a NUL": sound.replace(b"clap", b"cl\x00p"),
        "an escaped NUL": changed("clap", "\\u0000"),
        "a label of 257 characters": changed("clap", "x" * 257),
        "a label of 256 characters": changed("clap", "x" * 256),
        "an unknown field of 5 MB": changed('"labels": ', f'"{"x" * 5_000_000}": 0, "labels": '),
        "a field with an escape": changed('"labels": ', '"\\u001b[2J\\n": 0, "labels": '),
        "another format": changed('"format": 2', '"format": [' + "1," * 100_000 + "1]"),
        "format 3": changed('"format": 2', '"format": 3'),
        "a comment": changed('"labels"', '/* */ "labels"'),
    }  # fmt: skip
    for name, broken in texts.items():
        yield Mutant(f"the contract: {name}", partial(embedded, broken))


def file_mutants(folder: Path, dice: random.Random) -> Iterator[Mutant]:
    """The file's bytes changed, with a hash that is right again or not."""
    sound = write_model(folder / "sound.onnx").read_bytes()
    recorded = json.loads(onnx.load_from_string(sound).metadata_props[0].value)["model"]["file_sha256"].encode()
    right = partial(with_hash, recorded=recorded)
    key = b"\x0a\x06vidcls\x12\x02{}"
    files: dict[str, bytes] = {}
    places = [dice.randrange(400) for _ in range(6)] + [dice.randrange(len(sound)) for _ in range(4)]
    places += [len(sound) - 1 - dice.randrange(2500) for _ in range(10)]
    for number, place in enumerate(places):
        flipped = bytearray(sound)
        flipped[place] ^= 1 << dice.randrange(8)
        if number % 3:
            files[f"a bit of byte {place}, hash made right"] = right(bytes(flipped))
        else:
            files[f"a bit of byte {place}"] = bytes(flipped)
    for share in (0.0, 0.001, 0.5, 0.99, 0.9999):
        files[f"cut to {share}"] = sound[: int(len(sound) * share)]
    files |= {
        "no contract's bytes": sound[:1000],
        "a second contract": right(sound + b"\x72" + varint(len(key)) + key),
        "a length that lies": right(sound + b"\x3a\xff\xff\xff\x7f"),
        "a length of 10 bytes": right(sound + b"\x3a" + b"\xff" * 9 + b"\x01"),
        "a number of 11 bytes": right(sound + b"\x08" + b"\xff" * 11),
        "a tag above 32 bits": right(sound + varint(1 << 32 | 7 << 3 | 2) + b"\x00"),
        "a group": right(sound + b"\x3b\x3c"),
        "unknown fields": right(sound + b"\x9a\x06\x01x" * 1000),
        "nothing but fields": b"\x98\x06\x01" * 20_000_000 + sound,
        "nothing but metadata": b"\x72\x00" * 10_000_000 + sound,
        "another kind of file": b"PK\x03\x04" + b"\x01" * 5000,
        "an ORT file": b"\x18\x00\x00\x00ORTM" + b"\x00" * 500,
        "zeros": bytes(1_000_000),
    }
    for name, content in files.items():
        yield Mutant(f"the file: {name}", partial(bytes, content))


def graph_mutants() -> Iterator[Mutant]:
    """Graphs that do otherwise than they and their contracts say."""
    text = json.dumps(complete_fields())
    for name, make in GRAPHS.items():
        yield Mutant(f"a graph: {name}", lambda make=make: embedded(text, make()))  # type: ignore[misc]


def model_mutants(folder: Path, *, seed: int = 0) -> list[Mutant]:
    """All of them, in a fixed order: at least 200."""
    dice = random.Random(seed)  # noqa: S311 - to be repeated
    return [
        *contract_mutants(dice),
        *text_mutants(),
        *file_mutants(folder, dice),
        *graph_mutants(),
    ]
