"""Calls that a disk may hold up for good: neither the page's other answers nor the program's end wait for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

# How long an answer waits for the disk.
DISK_SECONDS = 10.0
# Calls that may be held up at one time; more are refused.
MAX_CALLS = 16


class Disk:
    """Asked by coroutines of one loop; every call has a daemon thread of its own, which a disk may keep for ever."""

    def __init__(self) -> None:
        self._calls = 0

    async def run(self, call: Callable[[], Any]) -> Any:
        """What that gives, or raises.

        Raises:
            TimeoutError: not within DISK_SECONDS, it may still do so; or too many others wait already.
        """
        if self._calls >= MAX_CALLS:
            raise TimeoutError
        loop = asyncio.get_running_loop()
        given: asyncio.Future[Any] = loop.create_future()
        self._calls += 1

        def end(result: Any, error: Exception | None) -> None:
            self._calls -= 1
            if given.done():  # nobody waits any more
                return
            if error is None:
                given.set_result(result)
            else:
                given.set_exception(error)

        def work() -> None:
            result, problem = None, None
            try:
                result = call()
            except Exception as error:  # noqa: BLE001 - not swallowed: raised where it is waited for
                problem = error
            with suppress(RuntimeError):  # the page is closed
                loop.call_soon_threadsafe(end, result, problem)

        threading.Thread(target=work, daemon=True, name="vidcls-page-disk").start()
        done, _ = await asyncio.wait([given], timeout=DISK_SECONDS)
        if not done:
            given.cancel()
            raise TimeoutError
        return given.result()
