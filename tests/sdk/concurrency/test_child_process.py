"""Processes that end with their owner: where their modules are found, and how their pipes are read."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from vidcls.concurrency import child_process
from vidcls.concurrency.child_process import DependentProcess

CHILD = """
import sys
from vidcls.concurrency import child_process
pipe = child_process.take_over_stdout()
line = sys.stdin.buffer.readline()
child_process.end_with_owner(lambda: None, grace_seconds=0)
print("not for the owner", flush=True)
child_process.write_all(pipe, line * 100_000)
pipe.close()
while True:
    pass
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that sends a line back many times and then never ends; where it runs lie files with others' names."""
    modules, hostile = tmp_path / "modules", tmp_path / "hostile"
    modules.mkdir()
    hostile.mkdir()
    (modules / "busy_child.py").write_text(CHILD, encoding="utf-8")
    for name in ("runpy", "json", "subprocess", "threading", "numpy", "cv2"):
        (hostile / f"{name}.py").write_text("raise SystemExit('taken from the working folder')", encoding="utf-8")
    monkeypatch.chdir(hostile)
    monkeypatch.syspath_prepend(str(modules))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(sys, "path", [str(Path(each).absolute()) if each else str(modules) for each in sys.path])
    return "busy_child"


def read_all(process: DependentProcess, count: int) -> bytes:
    content = bytearray(count)
    assert process.read_into(memoryview(content), is_over=lambda: False)
    return bytes(content)


def test_modules_are_found_where_the_owner_finds_them_and_not_where_it_runs(
    child: str, capfd: pytest.CaptureFixture[str]
) -> None:
    process = DependentProcess(child)
    process.ask("abcdefghi")
    assert read_all(process, 1_000_000) == b"abcdefghi\n" * 100_000
    with pytest.raises(EOFError):
        process.read_into(memoryview(bytearray(1)), is_over=lambda: False)
    assert process.code is None
    assert process.end(grace_seconds=60)
    assert process.code == 0
    assert capfd.readouterr() == ("", "not for the owner\n")


def test_what_the_owner_does_not_search_its_children_do_not_either(child: str, tmp_path: Path) -> None:
    sys.path.append(tmp_path)  # type: ignore[arg-type]  # Python takes texts alone, and says nothing of others
    process = DependentProcess(child)
    process.ask("abcdefghi")
    assert read_all(process, 1_000_000) == b"abcdefghi\n" * 100_000
    assert process.end(grace_seconds=5.0)


def test_reading_ends_when_it_is_over_though_nothing_comes(child: str) -> None:
    process = DependentProcess(child)
    started = time.monotonic()
    assert not process.read_into(memoryview(bytearray(1)), is_over=lambda: time.monotonic() > started + 0.3)
    assert time.monotonic() - started < 20  # and not for ever
    assert process.end(grace_seconds=60)


@pytest.mark.skipif(not hasattr(select, "poll"), reason="the pipes of this system are tested everywhere else")
def test_where_pipes_can_only_be_asked_as_on_windows_the_same_comes_through(
    child: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Windows' two functions, made of this system's. Its own pipes have not been read here."""
    import fcntl
    import termios

    poll = select.poll

    def peek(descriptor: int, _: int) -> tuple[int, int]:
        polled = poll()
        polled.register(descriptor, select.POLLIN)
        waiting = int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)
        if not waiting and polled.poll(0):
            raise BrokenPipeError(109, "The pipe has been ended")
        return waiting, 0

    monkeypatch.delattr(select, "poll")
    monkeypatch.setitem(sys.modules, "_winapi", SimpleNamespace(PeekNamedPipe=peek))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(get_osfhandle=lambda descriptor: descriptor))  # type: ignore[arg-type]
    process = DependentProcess(child)
    assert not process.read_into(memoryview(bytearray(1)), is_over=lambda: True)
    threading.Timer(0.2, process.ask, ["abcdefghi"]).start()
    assert read_all(process, 1_000_000) == b"abcdefghi\n" * 100_000
    with pytest.raises(EOFError):
        process.read_into(memoryview(bytearray(1)), is_over=lambda: False)
    assert process.end(grace_seconds=60)


def test_where_there_is_no_interpreter_no_process_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(OSError, match="a Python interpreter is needed for it"):
        child_process.command("vidcls.live.camera_process", ())


def test_an_interpreter_that_is_kept_from_the_environments_modules_starts_such_ones(child: str, tmp_path: Path) -> None:
    (tmp_path / "modules" / "sitecustomize.py").write_text("raise SystemExit('taken from PYTHONPATH')")
    script = f"""
import sys
sys.path[:] = {sys.path!r}
from vidcls.concurrency.child_process import DependentProcess
process = DependentProcess({child!r})
process.ask("abc")
print(process.read_into(memoryview(bytearray(400_000)), is_over=lambda: False), process.end(grace_seconds=60))
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "modules")}
    command = [sys.executable, "-I", "-c", script]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("True True\n", "not for the owner\n")


def test_ending_does_not_wait_for_a_child_that_was_killed() -> None:
    process = DependentProcess("vidcls.live.camera_process")
    os.kill(process.pid, 9)
    assert process.wait(seconds=60)
    with pytest.raises(BrokenPipeError):
        process.ask("{}")
    assert process.end(grace_seconds=60)
    assert process.code == -9
