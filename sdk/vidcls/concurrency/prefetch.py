"""Work done ahead of its consumer, in threads: results in order, and never more than a few of them at a time."""

from __future__ import annotations

import itertools
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# How long closing waits for work that is under way. Decoding cannot be broken off in the middle of a
# file; what takes longer ends by itself, unseen.
STOP_SECONDS = 1.0
# Of 19, how much less of the processor the threads get than whoever waits for them.
NICENESS = 10


def map_ahead(work: Callable[[Item], Result], items: Iterable[Item], *, threads: int) -> Generator[Result, None, None]:
    """`work(item)` of every item, in their order, computed by `threads` threads ahead of the consumer.

    Items are taken from `items` in the consumer's thread and only as they are needed: at most
    `threads` + 1 are taken and not yet handed on, so `items` may be endless. What `work` raises is
    raised in its item's place, and ends the iteration. Closing the iterator stops the threads.
    """
    jobs: queue.SimpleQueue[tuple[Future[Result], Item] | None] = queue.SimpleQueue()
    # Daemons, so that a file that takes minutes to decode does not keep an interrupted program alive.
    workers = [threading.Thread(target=_work_off, args=(work, jobs), daemon=True) for _ in range(threads)]
    waiting: deque[Future[Result]] = deque()
    upcoming = iter(items)
    for worker in workers:
        worker.start()
    try:
        while True:
            for item in itertools.islice(upcoming, threads + 1 - len(waiting)):
                waiting.append(Future())
                jobs.put((waiting[-1], item))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        for _ in workers:
            jobs.put(None)
        for worker in workers:
            worker.join(timeout=STOP_SECONDS)


def _work_off(work: Callable[[Item], Result], jobs: queue.SimpleQueue[tuple[Future[Result], Item] | None]) -> None:
    if hasattr(os, "setpriority"):
        # Threads of one inference wait for each other; what is only done ahead shall not hold one of them up.
        with suppress(OSError):  # macOS knows no priority of a single thread
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
    while (job := jobs.get()) is not None:
        future, item = job
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work(item))
            except BaseException as error:  # noqa: BLE001 - not swallowed: raised where the result is asked for
                future.set_exception(error)
