"""How many processes load clips where nobody says so."""

from __future__ import annotations

from collections import namedtuple

import pytest

from vidcls_train.trainer import workers
from vidcls_train.trainer.workers import workers_that_suit

Usage = namedtuple("Usage", "free")


def suits(patch: pytest.MonkeyPatch, *, cpus: int, processes: int, free: int) -> int:
    patch.setattr(workers.shutil, "disk_usage", lambda _: Usage(free=free))  # type: ignore[attr-defined]
    patch.setattr(workers, "usable_cpus", lambda: cpus)
    patch.setenv("WORLD_SIZE", str(processes))
    return workers_that_suit()


@pytest.mark.parametrize(
    ("cpus", "processes", "expected"),
    [(1, 1, 0), (2, 1, 1), (3, 1, 1), (8, 1, 4), (64, 1, 4), (2, 2, 0), (4, 2, 1), (16, 4, 3), (2, 4, 0)],
)
def test_workers_take_half_of_the_cpus_or_what_several_processes_leave(
    cpus: int, processes: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert suits(monkeypatch, cpus=cpus, processes=processes, free=2**40) == expected


def test_clips_are_loaded_by_the_training_process_where_batches_have_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert suits(monkeypatch, cpus=8, processes=1, free=2**26) == 0
