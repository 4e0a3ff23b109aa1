"""Processes that torchrun has started for one run: what each of them knows, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import shared_work
from slow import slow
from vidcls.errors import DeviceError
from vidcls_train.trainer.distributed import by_first_process, join_processes, process_count, process_rank

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def shared(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*TORCHRUN, shared_work.__file__, str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@slow  # that two processes train as one does, in test_finetune, shows that they do
def test_processes_meet_and_are_handed_what_the_first_one_makes(tmp_path: Path) -> None:
    done = shared(tmp_path)
    assert done.returncode == 0, done.stderr
    for rank in range(2):
        facts = json.loads((tmp_path / f"{rank}.json").read_text(encoding="utf-8"))
        assert facts == [2, 11, "by 0", [1.0, 2.0]]


@slow
def test_where_the_first_one_fails_the_others_end_without_a_word(tmp_path: Path) -> None:
    done = shared(tmp_path, "fail")
    assert done.returncode != 0
    assert done.stderr.count("JSONDecodeError: ") == 1, done.stderr
    assert list(tmp_path.glob("*.json")) == []


def test_one_process_is_the_first_and_waits_for_nobody() -> None:
    join_processes("cpu")
    assert (process_count(), process_rank()) == (1, 0)
    assert by_first_process(lambda: 7) == 7


def test_a_card_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError, match="finds no CUDA device"):
        join_processes("cuda")
