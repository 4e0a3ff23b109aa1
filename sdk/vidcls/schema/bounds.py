"""What a field may hold at most: stands beside the field, as `Annotated[int, Range(1, 4096)]`; see `vidcls.schema`."""

from __future__ import annotations

import base64
import math
from collections.abc import Sized
from typing import NamedTuple, TypeAlias

from vidcls.printable import has_control_characters


class Range(NamedTuple):
    """Bounds of a number, both included: `Annotated[int, Range(1)]`."""

    low: float
    high: float = math.inf

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    @property
    def expected(self) -> str:
        """For messages: "from 0 to 1"."""
        return f"at least {self.low:g}" if self.high == math.inf else f"from {self.low:.15g} to {self.high:.15g}"


class Above(NamedTuple):
    """A bound that is excluded: `Annotated[float, Above(0)]`."""

    low: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and value > self.low

    @property
    def expected(self) -> str:
        """For messages: "more than 0"."""
        return f"more than {self.low:g}"


class Text(NamedTuple):
    """Bounds of a text's length in characters, none of them a control character: `Annotated[str, Text(1, 256)]`."""

    low: int
    high: int

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and self.low <= len(value) <= self.high and not has_control_characters(value)

    @property
    def expected(self) -> str:
        """For messages: "1 to 256 characters, no control character among them"."""
        return f"{self.low:,} to {self.high:,} characters, no control character among them"


class Entries(NamedTuple):
    """Bounds of how much a tuple or a dict holds: `Annotated[tuple[str, ...], Entries(1, 10_000)]`."""

    low: int
    high: int

    def __contains__(self, value: object) -> bool:
        return isinstance(value, Sized) and self.low <= len(value) <= self.high

    @property
    def expected(self) -> str:
        """For messages: "1 to 10,000 entries"."""
        return f"{self.low:,} to {self.high:,} entries"


class HexDigits(NamedTuple):
    """A text of so many lower-case hexadecimal digits: `Annotated[str, HexDigits(64)]`."""

    digits: int

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and len(value) == self.digits and set(value) <= set("0123456789abcdef")

    @property
    def expected(self) -> str:
        """For messages: "64 lower-case hex digits"."""
        return f"{self.digits} lower-case hex digits"


class Base64(NamedTuple):
    """Bytes in standard base64 with its padding, a whole number of pieces of `piece` bytes: `Base64(16, 1000)`."""

    piece: int
    most: int

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, str) or len(value) > 4 * -(-self.piece * self.most // 3):
            return False
        try:
            content = base64.b64decode(value, validate=True)
        except ValueError:
            return False
        return len(content) % self.piece == 0 and base64.b64encode(content).decode() == value

    @property
    def expected(self) -> str:
        """For messages: "base64 of at most 1,000 times 16 bytes"."""
        return f"base64 of at most {self.most:,} times {self.piece} bytes"


Bound: TypeAlias = Range | Above | Text | Entries | HexDigits | Base64
