"""Work that is done in a process of its own: what is to be measured alone, and what cannot be stopped.

The pipe is the child's standard output. In the child, `answers` (lines of JSON) and `take_over_stdout` (raw bytes) take
it over and send to standard error what libraries print, also those in C, so that nothing but answers comes through.

A child ends with its owner: its standard input is the owner's hand, and once that is closed, because the owner let go
or is gone, the child ends itself (`end_with_owner`), however stuck its other threads are. `owned` is for work that
answers in lines of JSON, `DependentProcess` for work that goes on, and may get stuck in native code.
"""

from __future__ import annotations

import io
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

STDIN, STDOUT, STDERR = 0, 1, 2

# How often a wait for a pipe is interrupted, to ask whether it is still worth it.
POLL_SECONDS = 0.1
# What Linux lets any user have; a frame then takes few reads.
PIPE_BYTES = 1 << 20
# How long a process may take to vanish once it is killed. What the kernel does for it cannot be broken off.
KILL_SECONDS = 0.5
# The same where nobody waits for an answer: it is gone within a moment even when busy, or stuck in a driver, for good.
_GONE_SECONDS = 5.0

# Like multiprocessing's: modules are found where this process finds them, and the folder in which it happens to run is
# not searched before them, as it would be with `-m`.
_RUN = "import sys; sys.path[:] = {path!r}; import runpy; runpy.run_module({module!r}, run_name='__main__')"

# What keeps an interpreter from the environment's and the user's own modules keeps its children from them too.
_FLAGS = {"isolated": "-I", "ignore_environment": "-E", "no_user_site": "-s"}


def command(module: str, arguments: Sequence[str]) -> list[str]:
    """What runs one of our modules in a fresh interpreter.

    Raises:
        OSError: there is no interpreter: this is a frozen program, or one that has Python inside.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        raise OSError(f"a Python interpreter is needed for it, and sys.executable is {sys.executable!r}")
    searched = [place for place in sys.path if isinstance(place, str)]  # what else is in it, Python passes over too
    flags = [flag for name, flag in _FLAGS.items() if getattr(sys.flags, name)]
    return [sys.executable, *flags, "-c", _RUN.format(path=searched, module=module), *arguments]


@contextmanager
def owned(module: str, arguments: Sequence[str], *, stderr: int | None) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of our modules in a fresh process, whose `stdout` gives its answers, for as long as the block lasts.

    Whoever wants its exit code waits for its end in the block: however that is left, by an error or an interrupt too,
    the process is killed. One that the kernel keeps for a driver is left behind.

    stderr: as for `subprocess.Popen`.

    Raises:
        OSError: no process can be started here.
    """
    process = subprocess.Popen(  # noqa: S603 - our own module
        command(module, arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, **_apart()
    )
    hand, process.stdin = process.stdin, None  # communicate() would close it
    try:
        yield process
    finally:
        process.kill()  # nothing, where it has ended
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GONE_SECONDS)
        for pipe in (hand, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


class DependentProcess:
    """One of our modules in a fresh process that ends with this one.

    A Ctrl-C in the terminal does not reach it: what then happens to it is this process' decision alone.

    code: its exit code, minus a signal's number where that ended it; None while it runs.
    """

    def __init__(self, module: str) -> None:
        """Start it.

        Raises:
            OSError: no process can be started here.
        """
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command(module, ()), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, **_apart()
        )
        self.pid = self._process.pid
        self._stdin, self._stdout = cast(io.FileIO, self._process.stdin), cast(io.FileIO, self._process.stdout)
        _make_fast(self._stdout)

    @property
    def code(self) -> int | None:  # noqa: D102 - see above
        return self._process.poll()

    def ask(self, line: str) -> None:
        """Send a line of text, of a few hundred bytes.

        Raises:
            BrokenPipeError: it has ended.
        """
        write_all(self._stdin, (line + "\n").encode())

    def read_into(self, view: memoryview, *, is_over: Callable[[], bool]) -> bool:
        """Fill `view` (bytes) with what it sends; False once `is_over` says so, which is asked while nothing comes.

        Raises:
            EOFError: it closed its end.
        """
        has_nothing = True
        while view:
            while has_nothing and not is_readable(self._stdout, seconds=POLL_SECONDS):
                if is_over():
                    return False
            count = self._stdout.readinto(view)
            if count == 0:
                raise EOFError
            # Windows' pipes block instead, but then the rest of a message is on its way.
            has_nothing = count is None
            view = view[count or 0 :]
        return True

    def end(self, *, grace_seconds: float) -> bool:
        """Let it end itself, and kill it where it does not in that time; False where even that does not end it.

        Takes at most KILL_SECONDS more.
        """
        self._stdin.close()
        if not self.wait(seconds=grace_seconds):
            self._process.kill()
            if not self.wait(seconds=KILL_SECONDS):
                return False
        self._stdout.close()
        return True

    def wait(self, *, seconds: float) -> bool:
        """Whether it ends within that time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def is_readable(pipe: io.FileIO, *, seconds: float) -> bool:
    """Whether within that time there are bytes to be read from a pipe, or its end."""
    if hasattr(select, "poll"):
        polled = select.poll()
        polled.register(pipe.fileno(), select.POLLIN)
        return bool(polled.poll(seconds * 1000))
    return _is_readable_on_windows(pipe, seconds=seconds)


def answers() -> Callable[[dict[str, Any]], None]:
    """In the child: what sends one answer, at once."""
    pipe = take_over_stdout()

    def send(fields: dict[str, Any]) -> None:
        write_all(pipe, (json.dumps(fields) + "\n").encode())

    return send


def take_over_stdout() -> io.FileIO:
    """In the child: the raw pipe to the owner; standard output is standard error from now on."""
    pipe = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)
    return io.FileIO(pipe, "w")


def write_all(pipe: io.FileIO, content: bytes | memoryview) -> None:
    """Write all bytes of it.

    Raises:
        OSError: the other end is closed.
    """
    view = memoryview(content)
    while view:
        view = view[pipe.write(view) :]


def end_with_owner(let_go: Callable[[], None] = lambda: None, *, grace_seconds: float = 0.0) -> None:
    """In the child: call `let_go` once the owner closes standard input or is gone; then end the process.

    From a thread, which does not need any other to do its part. What `let_go` brings about has `grace_seconds`.
    """
    owner, stdin = os.getppid(), io.FileIO(STDIN, closefd=False)

    def watch() -> None:
        # While a copy of the owner, made by os.fork, holds the other end too, the end of the pipe does not come.
        while not is_readable(stdin, seconds=POLL_SECONDS):
            if os.getppid() != owner:
                break
        let_go()
        time.sleep(grace_seconds)
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="vidcls-owner").start()


def _make_fast(pipe: io.FileIO) -> None:
    """Let a read take what is there and not wait, and as much as possible be there, where the system has that."""
    if hasattr(select, "poll"):
        os.set_blocking(pipe.fileno(), False)
    try:
        import fcntl  # noqa: PLC0415 - Windows has none

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (ImportError, AttributeError, OSError):  # macOS has no such command, and users a limit
        pass


def _apart() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def _is_readable_on_windows(pipe: io.FileIO, *, seconds: float) -> bool:
    import _winapi  # noqa: PLC0415 - Windows alone has them
    import msvcrt  # noqa: PLC0415

    handle = msvcrt.get_osfhandle(pipe.fileno())  # type: ignore[attr-defined]
    until = time.monotonic() + seconds
    try:
        while not _winapi.PeekNamedPipe(handle, 0)[0]:  # type: ignore[attr-defined]
            if time.monotonic() >= until:
                return False
            time.sleep(0.002)
    except OSError:  # the other end is closed, which reading finds out
        pass
    return True
