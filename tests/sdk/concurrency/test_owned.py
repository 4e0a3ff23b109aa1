"""Child processes that end with their owner, however that leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vidcls.concurrency.child_process import owned

# Within which a child is gone on a busy machine; by itself it would stay for a minute.
SOON = 20.0
CHILD = """
import time
from vidcls.concurrency.child_process import end_with_owner
end_with_owner()
print("there", flush=True)
time.sleep(60)
"""
OWNER = """
import subprocess, sys, time
from vidcls.concurrency.child_process import owned
with owned("waiting", [], stderr=None) as process:
    process.stdout.readline()
    print(process.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "waiting.py").write_text(CHILD, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    monkeypatch.syspath_prepend(str(tmp_path))


def is_gone(pid: int, *, within: float) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{pid}/stat")
        if status.exists() and status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
            return True  # nobody has asked for its exit code here
        time.sleep(0.01)
    return False


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_a_block_that_is_left_by_an_error_kills_the_child(error: type[BaseException]) -> None:
    with pytest.raises(error), owned("waiting", [], stderr=None) as process:  # noqa: PT012 - it is the block
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        started = time.monotonic()
        raise error
    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - started < SOON


@pytest.mark.usefixtures("environment")
def test_a_child_of_an_owner_that_is_killed_ends_itself() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        child = int(owner.stdout.readline())
        owner.kill()
        assert is_gone(child, within=SOON)
