"""Processes started for one run: what each of them knows, and that none outlives the others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

import shared_work
from vidcls_train.trainer.distributed import process_count, share_out


def test_processes_meet_and_have_a_thread_each(tmp_path: Path) -> None:
    before = dict(os.environ)
    share_out(shared_work.say_who, tmp_path, processes=2)
    for rank in range(2):
        facts = json.loads((tmp_path / f"{rank}.json").read_text(encoding="utf-8"))
        assert facts == [2, 1, 1, 11, "by the first"]
    # What they were told of each other does not stay in this one.
    assert dict(os.environ) == before
    assert process_count() == 1
    assert not torch.distributed.is_initialized()


def test_the_failure_that_is_told_is_the_first_one(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left on device") as error:
        share_out(shared_work.fail_at_the_second, tmp_path, processes=2)
    assert error.value.errno == 28
    with pytest.raises(json.JSONDecodeError):
        share_out(shared_work.fail_at_the_first, tmp_path, processes=2)


LOST = "LostProcessError: one of the 2 training processes was ended from outside"


@pytest.mark.parametrize(
    ("sent", "to_main", "handler", "code", "told"),
    [
        (signal.SIGKILL, False, "SIG_DFL", 1, LOST),
        (signal.SIGTERM, False, "SIG_DFL", 1, LOST),
        (signal.SIGINT, True, "default_int_handler", -signal.SIGINT, "KeyboardInterrupt"),
        (signal.SIGKILL, True, "SIG_DFL", -signal.SIGKILL, ""),
        (signal.SIGKILL, True, "SIG_IGN", -signal.SIGKILL, ""),  # as a shell sets it in the background
    ],
    ids=["a part is killed", "a part is ended", "an interrupt", "the main one is killed", "in the background"],
)
def test_none_outlives_the_others(
    sent: signal.Signals, to_main: bool, handler: str, code: int, told: str, tmp_path: Path
) -> None:
    command = [sys.executable, shared_work.__file__, str(tmp_path), handler]
    main = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while main.poll() is None and len(list(tmp_path.iterdir())) < 2:
        time.sleep(0.01)
    parts = [part for part in psutil.Process(main.pid).children() if "spawn_main" in " ".join(part.cmdline())]
    assert len(parts) == 2
    (main if to_main else parts[1]).send_signal(sent)
    answer = main.communicate(timeout=60)[1]
    assert psutil.wait_procs(parts, timeout=20)[1] == []
    assert main.returncode == code
    assert told in answer
