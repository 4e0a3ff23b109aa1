"""Processes that torchrun has started for one run: what each of them knows, and how they end."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import shared_work
from loopback import free_port
from slow import slow
from vidcls.errors import DeviceError
from vidcls_train.config.processes import process_count, process_rank
from vidcls_train.trainer.distributed import MissingProcessError, by_first_process, join_processes

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


@pytest.mark.parametrize("rank", ["0", "1"])
def test_processes_whose_others_never_come_say_for_whom_they_wait_and_end(
    rank: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = f"127.0.0.1:{free_port()}"
    told = dict(zip(("MASTER_ADDR", "MASTER_PORT"), place.split(":"), strict=True))
    for name, value in {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", **told}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("vidcls_train.trainer.distributed._ARRIVAL", timedelta(seconds=2))
    monkeypatch.setattr("vidcls_train.trainer.distributed._SILENT_SECONDS", 0.1)
    with pytest.raises(MissingProcessError) as error:
        join_processes("cpu")
    for said in (str(error.value), caplog.messages[0]):
        assert f"all 2 processes (WORLD_SIZE) to meet at {place} (MASTER_ADDR, MASTER_PORT)" in said
        assert said.endswith("unset RANK, LOCAL_RANK and WORLD_SIZE to train in one process")
        assert "\n" not in said
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_more_processes_than_cards_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(DeviceError, match=r"LOCAL_RANK is 1, but torch .* finds 1 CUDA devices here; start no more"):
        join_processes("auto")


def test_a_card_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError, match="finds no CUDA device"):
        join_processes("cuda")
