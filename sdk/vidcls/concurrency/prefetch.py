"""Work done ahead of its consumer, in threads: results in order, and never more than a few of them at a time.

The threads are no daemons: one that came back from native code into an interpreter that is ending would abort the
process. They end by themselves, between two frames, as soon as nobody waits for them any more: when the iterator is
closed, and when the program is over with the iterator still open.
"""

from __future__ import annotations

import itertools
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, suppress
from typing import Generic, TypeVar

from vidcls.concurrency.cancellation import CancelledError, cancellable, is_cancellable, raise_if_cancelled
from vidcls.concurrency.daemons import stay_if_over
from vidcls.concurrency.lifetime import HelperThread, program_is_over

Item = TypeVar("Item")
Result = TypeVar("Result")

# No wait is longer than this without asking whether it still makes sense.
POLL_SECONDS = 0.1

FORKED = (
    "these videos were begun before os.fork, in the parent process, which alone can go on with them; begin in this "
    "process, or start processes by multiprocessing's 'spawn'"
)


def map_ahead(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int, niceness: int = 0
) -> Generator[Result, None, None]:
    """`work(item)` of every item, in their order, computed by `threads` threads ahead of the consumer.

    Items are taken from `items` in the consumer's thread and only as they are needed: at most
    `threads` + 1 are taken and not yet handed on, so `items` may be endless. What `work` raises is
    raised in its item's place, and ends the iteration.

    Closing the iterator waits until the threads have ended: as long as `work` takes from one
    `raise_if_cancelled` to the next, and POLL_SECONDS.

    Args:
        work: where it may take long, it calls `raise_if_cancelled` now and then.
        items: of what.
        threads: how many work at a time.
        niceness: of 19, how much less of the processor the threads get than whoever waits for them.

    Raises:
        RuntimeError: the process was forked since the iteration began.
    """
    jobs: queue.SimpleQueue[_Job[Item, Result] | None] = queue.SimpleQueue()
    consumer = _Consumer()
    workers: list[HelperThread] = []
    waiting: deque[_Job[Item, Result]] = deque()
    upcoming = iter(items)
    try:
        for _ in range(threads):
            workers.append(HelperThread(target=_work_off, args=(jobs, consumer, niceness), name="vidcls-ahead"))
            _start(workers[-1])
        while True:
            consumer.check_process()
            for item in itertools.islice(upcoming, threads + 1 - len(waiting)):
                waiting.append(_Job(work, item))
                jobs.put(waiting[-1])
            if not waiting:
                return
            yield waiting.popleft().wait(workers)
    finally:
        consumer.leave()
        for _ in workers:
            jobs.put(None)  # wakes one
        for worker in workers:
            # A generator may be thrown away in any thread, also in one of these.
            while worker.is_alive() and worker is not threading.current_thread() and consumer.is_in_its_process():
                worker.join(POLL_SECONDS)


def in_thread(work: Callable[[], Result]) -> Result:
    """`work()`, in a thread that this one can leave, as by Ctrl-C: for native code, whose waits cannot be broken off.

    Leaving takes as long as `work` takes from one `raise_if_cancelled` to the next. Where this thread's own work is
    cancellable already, it is done here.
    """
    if is_cancellable():
        return work()
    with closing(map_ahead(lambda _: work(), [None], threads=1)) as results:
        return next(results)


class _Consumer:
    """Whoever iterates, in whatever thread."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._has_left = False

    def check_process(self) -> None:
        if not self.is_in_its_process():
            raise RuntimeError(FORKED)

    def is_in_its_process(self) -> bool:
        return self._process == os.getpid()

    def leave(self) -> None:
        self._has_left = True

    def is_gone(self) -> bool:
        """Whether nobody asks for results any more."""
        return self._has_left or program_is_over()


class _Job(Generic[Item, Result]):
    """One item's work.

    Waiting for it takes a lock of C's and no other. A signal's handler may raise at any point of the consumer's Python
    code; inside a lock that is written in Python, such as a Future's, it would leave that locked, and a thread waiting.
    """

    def __init__(self, work: Callable[[Item], Result], item: Item) -> None:
        self._work, self._item = work, item
        self._error: BaseException | None = None
        self._is_done = threading.Lock()
        self._is_done.acquire()

    def do(self) -> None:
        try:
            self._result = self._work(self._item)
        except BaseException as error:  # noqa: BLE001 - not swallowed: raised where the result is asked for
            self._error = error
        self._is_done.release()

    def wait(self, workers: Iterable[threading.Thread]) -> Result:
        while not self._is_done.acquire(timeout=POLL_SECONDS):
            raise_if_cancelled()
            stay_if_over()
            if not any(worker.is_alive() for worker in workers):
                self.do()
        error, self._error = self._error, None
        if isinstance(error, CancelledError):  # the program is over
            raise_if_cancelled()
            stay_if_over()
            error = RuntimeError("the program is ending")
        try:
            if error is not None:
                raise error
        finally:
            del error  # its traceback leads here
        return self._result


def _start(worker: threading.Thread) -> None:
    try:
        worker.start()
    except RuntimeError:
        # While the interpreter ends, from Python 3.12 on, a thread that it waits for can start no others: it then
        # works itself.
        if threading.main_thread().is_alive():
            raise


def _work_off(jobs: queue.SimpleQueue[_Job[Item, Result] | None], consumer: _Consumer, niceness: int) -> None:
    if niceness and hasattr(os, "setpriority"):
        # Threads of one inference wait for each other; what is only done ahead shall not hold one of them up.
        with suppress(OSError):  # macOS knows no priority of a single thread
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
    with cancellable(consumer.is_gone):
        while not consumer.is_gone():
            try:
                job = jobs.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if job is None:
                return
            job.do()
            del job  # and with it the result, which is its consumer's
