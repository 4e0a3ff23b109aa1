"""Strict reading of JSON into dataclasses. Stands in for `vidcls.schema`, and goes with its arrival."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

T = TypeVar("T")


class Range(NamedTuple):
    """Smallest and largest value of a field, both included: `Annotated[int, Range(1)]`."""

    low: float
    high: float = math.inf


class Above(NamedTuple):
    """What a field's value is above: `Annotated[float, Above(0)]`."""

    low: float


class FieldError(ValueError):
    """A field is unknown, missing or has a value that it cannot have."""


def read_json(text: str) -> Any:
    """Plain JSON, without NaN, infinity or a key given twice; raises a ValueError."""
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_once)


def read_fields(kind: type[T], fields: Mapping[str, Any], *, prefix: str = "") -> T:
    """Make a dataclass of JSON; a field with a default may be missing."""
    kinds = typing.get_type_hints(kind, include_extras=True)
    known = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in fields:
        if name not in known:
            raise FieldError(f"'{prefix}{name}' is unknown, expected some of {', '.join(known)}")
    values = {}
    for name, field in known.items():
        if name in fields:
            values[name] = _value(kinds[name], fields[name], prefix + name)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise FieldError(f"'{prefix}{name}' is missing")
    return kind(**values)


def check_fields(value: Any, *, prefix: str = "") -> None:
    """Check the ranges and the closed lists of a dataclass that was made in Python."""
    kinds = typing.get_type_hints(type(value), include_extras=True)
    for field in dataclasses.fields(value):
        own = getattr(value, field.name)
        if dataclasses.is_dataclass(own):
            check_fields(own, prefix=f"{prefix}{field.name}.")
        else:
            _value(kinds[field.name], own, prefix + field.name)


def _value(kind: Any, value: Any, name: str) -> Any:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return _value(next(part for part in parts if part is not type(None)), value, name)
    if origin is Annotated:
        value = _value(parts[0], value, name)
        for limit in parts[1:]:
            _check_limit(limit, value, name)
        return value
    if origin is Literal:
        if value not in parts:
            raise FieldError(f"'{name}' is {value!r}, expected one of {', '.join(map(str, parts))}")
        return value
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise FieldError(f"'{name}' is {value!r}, expected an object")
        return read_fields(kind, value, prefix=f"{name}.")  # type: ignore[arg-type]
    fits = isinstance(value, int | float) and not isinstance(value, bool) if kind is float else type(value) is kind
    if not fits:
        described = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[kind]
        raise FieldError(f"'{name}' is {value!r}, expected {described}")
    return value


def _check_limit(limit: Range | Above, value: float, name: str) -> None:
    if isinstance(limit, Above):
        if not value > limit.low:
            raise FieldError(f"'{name}' is {value!r}, expected more than {limit.low:g}")
    elif not value >= limit.low:
        raise FieldError(f"'{name}' is {value!r}, expected at least {limit.low:g}")
    elif not value <= limit.high:
        raise FieldError(f"'{name}' is {value!r}, expected at most {limit.high:g}")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"holds {name}, which JSON does not have")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("holds a key twice")
    return fields
