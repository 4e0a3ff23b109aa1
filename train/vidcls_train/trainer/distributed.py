"""Several processes on one run, started here, by `torchrun` or `accelerate launch`: the first one talks and writes."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, spawn

from vidcls.cpus import take_share
from vidcls.errors import VidclsError

T = TypeVar("T")

# The others wait this long while the first one decodes the videos.
_PATIENCE = timedelta(days=2)

# What the way from a machine to itself is called on Linux and macOS. Else gloo takes that of the machine's name, which
# not every network knows.
_LOOPBACK = ("lo", "lo0")

# When one of them fails, the others miss it and end by themselves, or are ended.
_GRACE_SECONDS = 5


class LostProcessError(VidclsError):
    """One of the processes on a run was ended from outside."""


def process_count() -> int:
    """How many processes share the run; torchrun says so in the environment."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process_rank() -> int:
    """This process's number; the first one is 0."""
    return int(os.environ.get("RANK", "0"))


def takes_gpu(device: str) -> bool:
    """Whether a run with this `device` setting computes on a GPU."""
    return device != "cpu" and torch.cuda.is_available()


def join_processes(device: str) -> None:
    """Meet the other processes, where there are any; on a GPU each takes one of its own."""
    if process_count() == 1 or torch.distributed.is_initialized():
        return
    on_gpu = takes_gpu(device)
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=_PATIENCE)


def share_out(work: Callable[[T], object], task: T, *, processes: int) -> None:
    """Call `work(task)` in so many new processes of one thread each, joined to each other; returns when all are done.

    Raises:
        LostProcessError: one of them was ended from outside.
        Exception: whatever the first one to fail raised; the others are ended.
    """
    failures = multiprocessing.get_context("spawn").SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        arguments = (processes, Path(folder) / "meeting", failures, work, task)
        started = spawn(_take_part, arguments, nprocs=processes, join=False)  # type: ignore[no-untyped-call]
        try:
            while not started.join(grace_period=_GRACE_SECONDS):
                pass
        except ProcessRaisedException as error:
            raise (error if failures.empty() else failures.get()) from error
        except ProcessExitedException as error:
            raise LostProcessError(
                f"one of the {processes} training processes was ended from outside, perhaps because memory ran out; go "
                "on with --resume and fewer --processes"
            ) from error
        except BaseException:
            for process in started.processes:
                process.terminate()
            raise


def _take_part(
    rank: int, processes: int, meeting: Path, failures: SimpleQueue[Exception], work: Callable[[T], object], task: T
) -> None:
    """One of the processes of `share_out`; `meeting` is a file, not there yet, by which they find each other."""
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    os.environ |= {name: str(value) for name, value in {**names, "OMP_NUM_THREADS": 1}.items()}
    for _, interface in socket.if_nameindex():
        if interface in _LOOPBACK:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
    torch.set_num_threads(1)
    take_share(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        torch.distributed.init_process_group(
            "gloo", init_method=meeting.as_uri(), rank=rank, world_size=processes, timeout=_PATIENCE
        )
        work(task)
    except Exception as error:
        # The first failure is the cause: the others then miss a process.
        failures.put(error)
        raise
    except SystemExit:
        # Said and done by the first process, which is to end first.
        if rank == 0:
            raise


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, however that was ended.

    PyTorch has the system send an interrupt then, which does nothing where a shell has set interrupts to be ignored,
    as it does for what it runs in the background.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - this process was started by `share_out`
    parent.join()
    os._exit(1)


def leave_processes() -> None:
    """Part from the other processes."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def by_first_process(make: Callable[[], T]) -> T:
    """What `make` returns, called in the first process alone and handed to the others, who wait.

    Where it fails there, the others end without a word.
    """
    if process_count() == 1:
        return make()
    box: list[Any] = [None, False]  # what was made, and whether it was
    cpu = torch.device("cpu")
    if process_rank() > 0:
        torch.distributed.broadcast_object_list(box, device=cpu)
        if not box[1]:
            sys.exit(1)
    else:
        try:
            box = [make(), True]
        finally:
            torch.distributed.broadcast_object_list(box, device=cpu)
    made: T = box[0]
    return made
