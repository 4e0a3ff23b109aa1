"""What many ask for at the same time, made once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Asked for by coroutines of one loop.

    Args:
        make: called by the executor, when someone asks and what there is is older than `seconds`; never twice at once.
    """

    def __init__(self, make: Callable[[], T], *, seconds: float, executor: Executor) -> None:
        self._make, self._seconds, self._executor = make, seconds, executor
        self._made: asyncio.Future[T] | None = None
        self._begun = 0.0

    async def get(self) -> T:
        """What there is, as new as it has to be."""
        loop = asyncio.get_running_loop()
        if self._made is None or (self._made.done() and loop.time() - self._begun >= self._seconds):
            self._begun = loop.time()
            self._made = asyncio.ensure_future(loop.run_in_executor(self._executor, self._make))
            self._made.add_done_callback(_notice)
        return await asyncio.shield(self._made)  # whoever goes while it is made leaves it to the others


def _notice(made: asyncio.Future[T]) -> None:
    """Of what failed, so that nobody warns that it was not taken: whoever waits is told."""
    if not made.cancelled():
        made.exception()
