"""Work ahead of its consumer: in order, broken off soon, and with no thread left."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from vidcls.concurrency.cancellation import CancelledError, cancellable, is_cancellable, raise_if_cancelled
from vidcls.concurrency.prefetch import POLL_SECONDS, in_thread, map_ahead

# What a busy machine may add to a wait of POLL_SECONDS; work that is not broken off takes 30 s.
SLACK_SECONDS = 5.0


def until_cancelled(_: object) -> None:
    for _ in range(3000):  # 30 s
        raise_if_cancelled()
        time.sleep(0.01)


@pytest.mark.parametrize("threads", [1, 3])
def test_closing_breaks_off_work_that_takes_long_and_waits_for_its_threads(threads: int) -> None:
    before = set(threading.enumerate())  # one of an earlier test may end meanwhile

    def work(item: int) -> None:
        if item:
            until_cancelled(item)

    with closing(map_ahead(work, itertools.count(), threads=threads)) as results:
        next(results)
        assert len(set(threading.enumerate()) - before) == threads
        started = time.monotonic()
    assert time.monotonic() - started < POLL_SECONDS + SLACK_SECONDS
    assert not set(threading.enumerate()) - before


def test_no_thread_is_a_daemon() -> None:
    """One that comes back from native code while the interpreter ends would abort the process."""
    with closing(map_ahead(lambda _: threading.current_thread().daemon, itertools.count(), threads=2)) as results:
        assert list(itertools.islice(results, 5)) == [False] * 5


def test_no_thread_is_a_daemon_where_a_daemon_starts_it() -> None:
    """It would inherit that from its starter."""
    found: list[list[bool]] = []

    def ask() -> None:
        with closing(map_ahead(lambda _: threading.current_thread().daemon, [1, 2], threads=2)) as results:
            found.append(list(results))

    starter = threading.Thread(target=ask, daemon=True)
    starter.start()
    starter.join(timeout=60)
    assert found == [[False, False]]


def test_waiting_for_results_can_itself_be_broken_off() -> None:
    over = threading.Event()
    threading.Timer(0.2, over.set).start()
    with (
        pytest.raises(CancelledError),
        cancellable(over.is_set),
        closing(map_ahead(until_cancelled, [1], threads=1)) as results,
    ):
        next(results)


def test_both_owners_of_nested_work_can_end_it() -> None:
    for outer, inner in [(True, False), (False, True)]:
        with pytest.raises(CancelledError), cancellable(lambda: outer), cancellable(lambda: inner):  # noqa: B023
            raise_if_cancelled()
    with cancellable(lambda: False), cancellable(lambda: False):
        raise_if_cancelled()
    assert not is_cancellable()


def test_a_timeout_of_the_work_is_raised_as_its_own() -> None:
    def work(_: int) -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        list(map_ahead(work, [1], threads=1))


def test_work_in_a_thread_gives_what_it_gives_here() -> None:
    here = threading.get_ident()
    assert in_thread(threading.get_ident) != here
    with pytest.raises(ZeroDivisionError):
        in_thread(lambda: 1 / 0)
    with cancellable(lambda: False):
        assert in_thread(threading.get_ident) == here  # it can be left already


def run(program: str) -> subprocess.CompletedProcess[str]:
    head = "import itertools, os, sys, threading, time\nfrom vidcls.concurrency.prefetch import map_ahead\n"
    return subprocess.run(
        [sys.executable, "-c", head + program], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_thread_of_the_program_goes_on_after_the_main_thread() -> None:
    """The interpreter waits for it, so it is a part of the program; from Python 3.12 on it can start no threads."""
    found = run("""
def late():
    threading.main_thread().join()
    print(list(map_ahead(lambda item: item + 1, range(5), threads=2)))


threading.Thread(target=late).start()
sys.exit(3)
""")
    assert (found.returncode, found.stdout, found.stderr) == (3, "[1, 2, 3, 4, 5]\n", "")


def test_threads_of_an_iterator_that_is_left_open_end_with_the_program() -> None:
    found = run("results = map_ahead(str, itertools.count(), threads=4)\nnext(results)\nsys.exit(3)\n")
    assert (found.returncode, found.stderr) == (3, "")


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="nothing forks here")
def test_a_forked_process_is_told_that_the_threads_are_its_parents() -> None:
    found = run("""
results = map_ahead(str, itertools.count(), threads=2)
next(results)
if os.fork() == 0:
    try:
        next(results)
    except RuntimeError as error:
        print(error)
    results.close()
    sys.exit()
os.wait()
print(next(results))
""")
    told, more = found.stdout.splitlines()
    assert "begun before os.fork, in the parent process" in told
    assert "spawn" in told
    assert (more, found.returncode, found.stderr) == ("1", 0, "")


def test_a_generator_may_be_thrown_away_in_one_of_its_own_threads() -> None:
    kept: list[object] = []

    def work(item: int) -> None:
        while item and not kept:
            raise_if_cancelled()
            time.sleep(0.01)
        kept.clear()  # the last reference

    before = set(threading.enumerate())
    results = map_ahead(work, itertools.count(), threads=1)
    next(results)
    kept.append(results)
    del results
    until = time.monotonic() + 60
    while set(threading.enumerate()) - before and time.monotonic() < until:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer interrupts here")
def test_a_signal_at_any_moment_leaves_no_thread_waiting() -> None:
    found = run("""
import signal
from contextlib import closing


class Interrupted(Exception):
    pass


def interrupt(*_):
    raise Interrupted


signal.signal(signal.SIGALRM, interrupt)
for number in range(600):
    with closing(map_ahead(bool, itertools.count(), threads=1)) as results:
        next(results)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0003 + number % 50 * 0.00001)
            for _ in results:
                pass
        except Interrupted:
            pass
print(threading.active_count())
""")
    assert (found.stdout, found.returncode, found.stderr) == ("1\n", 0, "")
