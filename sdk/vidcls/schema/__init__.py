"""JSON -> dataclasses, strictly: the one reader of contracts and of training's configuration.

A dataclass is the schema: its annotations say what each field may hold, and what is out of range stands beside the
field it bounds:

    >>> from vidcls.contract import Sampling  # whose `frames` is an Annotated[int, Range(1, 1024)]
    >>> read_fields(Sampling, {"rule": "uniform", "frames": 16, "clip_seconds": 2})
    Sampling(rule='uniform', frames=16, clip_seconds=2.0)
    >>> read_fields(Sampling, {"rule": "uniform", "frames": 0, "clip_seconds": 2})
    Traceback (most recent call last):
    vidcls.schema.FieldError: 'frames' is 0, expected from 1 to 1024
"""

from __future__ import annotations

import dataclasses
import json
import math
import reprlib
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from vidcls.errors import ArgumentError
from vidcls.printable import MAX_CHARACTERS, printable
from vidcls.schema.bounds import Bound, Entries, Text

T = TypeVar("T")

# More than any number of a contract has; reading one takes time that grows with the square of its digits.
_MAX_DIGITS = 1000
_SHOWN = reprlib.Repr()
_SHOWN.maxlevel, _SHOWN.maxstring, _SHOWN.maxother, _SHOWN.maxlong = 2, MAX_CHARACTERS, MAX_CHARACTERS, 40


class FieldError(ArgumentError):
    """A field does not hold what its annotation says; the text names it by its dotted path."""


def read_json(text: str) -> Any:
    """Parse JSON as the standard has it: NaN, Infinity and an object's duplicate keys, which Python takes, are refused.

    Raises:
        ValueError: not JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_int=_whole_number, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_fields(kind: type[T], fields: Mapping[str, Any], *, prefix: str = "") -> T:
    """An instance of the dataclass `kind` from parsed JSON.

    Args:
        kind: fields may be annotated bool, int, float, str, Path, Literal, X | None, int | str, tuple, dict[str, X],
            another dataclass, or Annotated with bounds. A field with a default may be left out.
        fields: a JSON object.
        prefix: stands before field names in messages.

    Raises:
        FieldError: a field is missing, unknown, of another type or out of range.
    """
    if not isinstance(fields, Mapping):
        raise FieldError(f"'{prefix.rstrip('.')}' is {shown(fields)}, expected an object")
    annotations = _annotations(kind)  # type: ignore[arg-type]
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if field.name not in fields and not has_default:
            raise FieldError(f"the field '{prefix}{field.name}' is missing")
    for name in fields:
        if name not in annotations:
            raise FieldError(f"the field '{prefix}{printable(str(name))}' is unknown")
    return kind(**{name: _read(annotations[name], value, name=f"{prefix}{name}") for name, value in fields.items()})


def check_fields(value: Any, *, prefix: str = "") -> None:
    """Compare the numbers and choices of a dataclass made in Python with its annotations; nested ones too.

    Raises:
        FieldError: a field is out of its range or not one of its choices.
    """
    annotations = _annotations(type(value))  # type: ignore[arg-type]
    for field in dataclasses.fields(value):
        _check(annotations[field.name], getattr(value, field.name), name=f"{prefix}{field.name}")


def check_choice(name: str, value: object, choices: Iterable[object]) -> None:
    """Raise ValueError unless an argument is one of its choices.

    Examples:
        >>> check_choice("device", "gpu", ["cpu", "cuda"])
        Traceback (most recent call last):
        vidcls.errors.ArgumentError: device is 'gpu', expected one of 'cpu', 'cuda'
    """
    choices = tuple(choices)
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        raise ArgumentError(f"{name} is {shown(value)}, expected one of {', '.join(map(repr, choices))}")


def shown(value: object) -> str:
    """A value as a message quotes it: as Python writes it, on one line of bounded length, whatever it is."""
    return printable(_SHOWN.repr(value))


@cache
def _annotations(kind: type) -> dict[str, Any]:
    """What a dataclass's fields may hold: evaluated once, which takes longer than a reading."""
    return typing.get_type_hints(kind, include_extras=True)


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a JSON number")


def _whole_number(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number has {len(digits):,} digits")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {printable(json.dumps(name))} stands twice in one object")
        found[name] = value
    return found


def _read(kind: Any, value: Any, *, name: str) -> Any:
    """`value`, as parsed from JSON, turned into what the annotation `kind` says."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        if isinstance(value, list | dict):  # before a million entries are read one by one
            _check_bounds((bound for bound in arguments[1:] if isinstance(bound, Entries)), value, name=name)
        found = _read(arguments[0], value, name=name)
        _check_bounds(arguments[1:], found, name=name)
        return found
    if origin in (types.UnionType, typing.Union):  # "X | None", or scalars of several types
        kinds = [kind for kind in arguments if kind is not types.NoneType]
        if value is None and len(kinds) < len(arguments):
            return None
        if len(kinds) > 1 and type(value) not in kinds:
            expected = " or ".join(_DESCRIBED[kind] for kind in kinds)
            raise FieldError(f"'{name}' is {shown(value)}, expected {expected}")
        return _read(kinds[0] if len(kinds) == 1 else type(value), value, name=name)
    if origin is Literal:
        _check_literal(arguments, value, name=name)
        return value
    if dataclasses.is_dataclass(kind):
        return read_fields(kind, value, prefix=f"{name}.")  # type: ignore[arg-type]
    if origin is tuple:
        return _read_tuple(arguments, value, name=name)
    if origin is dict:
        if not isinstance(value, dict):
            raise FieldError(f"'{name}' is {shown(value)}, expected an object")
        return {
            _read(arguments[0], key, name=f"a key of {name}"): _read(
                arguments[1], item, name=f"{name}.{printable(key)}"
            )
            for key, item in value.items()
        }
    return _read_scalar(kind, value, name=name)


def _read_tuple(kinds: tuple[Any, ...], value: Any, *, name: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise FieldError(f"'{name}' is {shown(value)}, expected a list")
    if kinds[-1] is not Ellipsis and len(value) != len(kinds):
        raise FieldError(f"'{name}' has {len(value)} entries, expected {len(kinds)}")
    return tuple(_read(kinds[0], item, name=f"{name}[{index}]") for index, item in enumerate(value))


def _read_scalar(kind: Any, value: Any, *, name: str) -> Any:
    if kind is float and type(value) is int:
        try:
            value = float(value)
        except OverflowError:
            raise FieldError(f"'{name}' is {shown(value)}, too large a number") from None
    if kind is Path and type(value) is str:
        return Path(value)
    if type(value) is not kind:
        raise FieldError(f"'{name}' is {shown(value)}, expected {_DESCRIBED.get(kind, kind.__name__)}")
    _check_finite(value, name=name)
    return value


def _check(kind: Any, value: Any, *, name: str) -> None:
    """Compare `value`, made in Python, with the annotation `kind`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        _check(arguments[0], value, name=name)
        _check_bounds(arguments[1:], value, name=name)
    elif origin in (types.UnionType, typing.Union):
        if value is not None:
            _check(arguments[0], value, name=name)
    elif origin is Literal:
        _check_literal(arguments, value, name=name)
    elif dataclasses.is_dataclass(kind):
        check_fields(value, prefix=f"{name}.")
    elif origin is tuple:
        for index, item in enumerate(value):
            _check(arguments[0], item, name=f"{name}[{index}]")
    elif origin is dict:
        for key, item in value.items():
            _check(arguments[0], key, name=f"a key of {name}")
            _check(arguments[1], item, name=f"{name}.{printable(key)}")
    else:
        _check_finite(value, name=name)


def _check_bounds(bounds: Iterable[Bound], value: Any, *, name: str) -> None:
    for bound in bounds:
        if value is not None and value not in bound:
            raise FieldError(f"'{name}' {_amount(bound, value)}, expected {bound.expected}")


def _amount(bound: Bound, value: Any) -> str:
    if isinstance(bound, Entries):
        return f"has {len(value):,} entries"
    if isinstance(bound, Text) and isinstance(value, str) and len(value) > bound.high:
        return f"has {len(value):,} characters ({shown(value)})"
    return f"is {shown(value)}"


def _check_literal(choices: tuple[Any, ...], value: Any, *, name: str) -> None:
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        expected = ", ".join(json.dumps(choice) for choice in choices)
        raise FieldError(f"'{name}' is {shown(value)}, expected one of: {expected}")


def _check_finite(value: Any, *, name: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise FieldError(f"'{name}' is {value}, expected a finite number")


_DESCRIBED = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path as a text",
}
