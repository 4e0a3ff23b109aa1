"""One reader turns JSON into dataclasses: types, choices and ranges are what the annotations say, to the edge."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from vidcls.schema import FieldError, check_choice, check_fields, read_fields, read_json
from vidcls.schema.bounds import Above, Range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    share: Annotated[float, Range(0, 1)] = 0.5
    rates: tuple[Annotated[float, Above(0)], ...] = (1.0,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outer:
    count: Annotated[int, Range(1)]
    mode: Literal["a", "b"]
    limit: Annotated[int, Range(2, 4)] | None = None
    folder: Path | None = None
    inner: Inner = dataclasses.field(default_factory=Inner)
    names: dict[str, Annotated[int, Range(0)]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


def test_what_is_left_out_has_its_default_and_what_is_given_is_read() -> None:
    assert read_fields(Outer, {"count": 1, "mode": "a"}) == Outer(count=1, mode="a")
    fields = {"count": 3, "mode": "b", "limit": 2, "folder": "x/y", "inner": {"share": 1, "rates": [2, 0.5]}}
    found = read_fields(Outer, fields)
    assert found == Outer(count=3, mode="b", limit=2, folder=Path("x/y"), inner=Inner(share=1.0, rates=(2.0, 0.5)))
    assert type(found.inner.share) is float


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "'count' is 0, expected at least 1"),
        ({"count": 1.0}, "'count' is 1.0, expected a whole number"),
        ({"count": True}, "'count' is True, expected a whole number"),
        ({"mode": "c"}, "'mode' is 'c', expected one of: \"a\", \"b\""),
        ({"limit": 1}, "'limit' is 1, expected from 2 to 4"),
        ({"limit": 5}, "'limit' is 5, expected from 2 to 4"),
        ({"inner": {"share": 1.0000001}}, "'inner.share' is 1.0000001, expected from 0 to 1"),
        ({"inner": {"share": math.inf}}, "'inner.share' is inf, expected a finite number"),
        ({"inner": {"rates": [1, 0]}}, "'inner.rates[1]' is 0.0, expected more than 0"),
        ({"inner": {"rates": 1}}, "'inner.rates' is 1, expected a list"),
        ({"inner": {"other": 1}}, "the field 'inner.other' is unknown"),
        ({"inner": 3}, "'inner' is 3, expected an object"),
        ({"names": {"x": -1}}, "'names.x' is -1, expected at least 0"),
        ({"folder": 3}, "'folder' is 3, expected a path as a text"),
    ],
)
def test_a_field_that_does_not_fit_is_named_with_what_was_expected(change: dict[str, Any], message: str) -> None:
    with pytest.raises(FieldError) as caught:
        read_fields(Outer, {"count": 1, "mode": "a", **change})
    assert str(caught.value) == message


def test_a_missing_field_is_named_by_its_path() -> None:
    with pytest.raises(FieldError, match=r"^the field 'a\.count' is missing$"):
        read_fields(Outer, {"mode": "a"}, prefix="a.")


@pytest.mark.parametrize("edge", [{"count": 1}, {"limit": 2}, {"limit": 4}, {"inner": Inner(share=0.0)}])
def test_bounds_belong_to_the_range(edge: dict[str, Any]) -> None:
    assert Outer(**{"count": 1, "mode": "a", **edge})


@pytest.mark.parametrize(
    "wrong", [{"count": 0}, {"mode": "c"}, {"limit": 9}, {"inner": Inner(share=math.nan)}, {"names": {"x": -1}}]
)
def test_instances_made_in_python_are_checked_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(FieldError, match=next(iter(wrong))):
        Outer(**{"count": 1, "mode": "a", **wrong})


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": -Infinity}', '{"a": 1, "a": 2}', "[" * 100_000, "{'a': 1}"])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text)


def test_a_key_that_stands_twice_is_named() -> None:
    with pytest.raises(ValueError, match='the key "b" stands twice in one object'):
        read_json('{"a": {"b": 1, "c": 1, "b": 1}}')


def test_a_choice_is_one_of_them_and_of_their_type() -> None:
    check_choice("crops", 3, [1, 3])
    with pytest.raises(ValueError, match=r"^crops is True, expected one of 1, 3$"):
        check_choice("crops", True, [1, 3])
