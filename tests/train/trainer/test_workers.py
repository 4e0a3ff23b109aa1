"""How many processes train and load clips where nobody says so."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest
import torch

from vidcls_train.config.settings import RunSettings
from vidcls_train.trainer import workers as parallelism
from vidcls_train.trainer.workers import share_processor

Usage = namedtuple("Usage", "free")


def settings(**changes: object) -> RunSettings:
    fields = {"batch_size": 16, "processes": None, "workers": None, "device": "cpu", **changes}
    return RunSettings(data="clips", output=Path("run"), **fields)  # type: ignore[arg-type]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with room for batches in shared memory."""
    monkeypatch.setattr(parallelism.shutil, "disk_usage", lambda _: Usage(free=2**40))  # type: ignore[attr-defined]
    return monkeypatch


@pytest.mark.parametrize(
    ("cpus", "width", "clips", "changes", "expected"),
    [
        (1, 96, 214, {}, (1, 0)),
        (2, 96, 214, {}, (2, 0)),
        (3, 96, 214, {}, (3, 0)),
        (16, 96, 214, {}, (4, 3)),
        (16, 96, 5, {}, (3, 4)),  # five clips are three parts, of two clips where it can
        (16, 96, 214, {"accumulate": 4}, (2, 4)),  # batches of 15, in eight parts
        (16, 768, 214, {}, (1, 4)),
        (2, 768, 214, {}, (1, 1)),
        (2, 96, 214, {"processes": 1}, (1, 1)),
        (2, 768, 214, {"processes": 2, "workers": 5}, (2, 5)),
    ],
)
def test_narrow_encoders_are_trained_by_a_process_per_cpu(
    cpus: int,
    width: int,
    clips: int,
    changes: dict[str, object],
    expected: tuple[int, int],
    machine: pytest.MonkeyPatch,
) -> None:
    machine.setattr(parallelism, "usable_cpus", lambda: cpus)
    shared = share_processor(settings(**changes), width=width, clips=clips)
    assert (shared.processes, shared.workers) == expected


def test_more_processes_than_batches_have_pairs_are_refused(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(parallelism, "usable_cpus", lambda: 16)
    with pytest.raises(ValueError, match="batches of 15 clips cannot be shared by 9 processes in 1 accumulated parts"):
        share_processor(settings(processes=9), width=96, clips=214)
    assert share_processor(settings(processes=8), width=96, clips=214).processes == 8


def test_clips_are_loaded_by_the_training_process_where_batches_have_no_room(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(parallelism, "usable_cpus", lambda: 8)
    machine.setattr(parallelism.shutil, "disk_usage", lambda _: Usage(free=2**26))  # type: ignore[attr-defined]
    assert share_processor(settings(), width=768, clips=214).workers == 0


def test_a_gpu_is_shared_by_torchrun_alone(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(torch.cuda, "is_available", lambda: True)
    machine.setattr(parallelism, "usable_cpus", lambda: 8)
    assert share_processor(settings(device="auto"), width=96, clips=214).processes == 1
    with pytest.raises(ValueError, match="processes is 2, which is for a CPU"):
        share_processor(settings(device="auto", processes=2), width=96, clips=214)


def test_processes_are_left_to_torchrun_where_it_started_some(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("WORLD_SIZE", "2")
    machine.setattr(parallelism, "usable_cpus", lambda: 2)
    shared = share_processor(settings(), width=96, clips=214)
    assert (shared.processes, shared.workers) == (1, 0)
    with pytest.raises(ValueError, match="processes is 3, but 2 were started already; leave --processes to torchrun"):
        share_processor(settings(processes=3), width=96, clips=214)
