"""Bits of a codec's header, read one field after the other. No I/O."""

from __future__ import annotations

# The longest Exp-Golomb code of H.264 and HEVC: a header that goes on with more zeros is damaged.
_MAX_ZEROS = 32


class HeaderError(ValueError):
    """A header ends before one of its fields, or a field says what cannot be."""


class Bits:
    """Big-endian bits, read from the front."""

    def __init__(self, content: bytes) -> None:
        self._bits = int.from_bytes(content, "big")
        self._left = 8 * len(content)

    def read(self, count: int) -> int:
        """The next `count` bits, as an unsigned number.

        Raises:
            HeaderError: there are fewer.
        """
        self._left -= count
        if self._left < 0:
            raise HeaderError("the header is too short")
        return self._bits >> self._left & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        """The next ue(v) of H.264 and HEVC: as many zeros as bits follow on a one.

        Raises:
            HeaderError: there is none.
        """
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > _MAX_ZEROS:
                raise HeaderError("a number in the header is too long")
        return (1 << zeros) - 1 + self.read(zeros)

    def signed_exp_golomb(self) -> int:
        """The next se(v): 0, 1, -1, 2, -2, ...

        Raises:
            HeaderError: there is none.
        """
        code = self.exp_golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)
