"""How library code says how far it is: through whatever follows a loop, a progress bar for example."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Track(Protocol):
    """Hands on the items of a loop, and shows or records how many have gone by."""

    def __call__(self, items: Iterable[T], *, label: str, length: int | None = None) -> Iterator[T]:
        """Follow a loop.

        Args:
            items: what the loop goes over.
            label: what is being done, in a word or two.
            length: how many items there are, where `items` has no length.
        """


def untracked(items: Iterable[T], *, label: str, length: int | None = None) -> Iterator[T]:  # noqa: ARG001
    """The `Track` that shows nothing, which library functions have by default."""
    return iter(items)
