"""Several processes on one run, started by `torchrun` or `accelerate launch`: the first one talks and writes."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed

from vidcls.errors import DeviceError, VidclsError
from vidcls_train.config.processes import check_processes, process_count, process_rank

T = TypeVar("T")

_LOG = logging.getLogger("vidcls.train")

# The others wait this long while the first one decodes the videos.
_PATIENCE = timedelta(days=2)

# All wait this long for each other to come at all, and say so after a while.
_ARRIVAL = timedelta(minutes=30)
_SILENT_SECONDS = 15.0


class MissingProcessError(VidclsError):
    """The processes of a run have not all come."""


def takes_gpu(device: str) -> bool:
    """Whether a run with this `device` setting computes on a GPU."""
    return device != "cpu" and torch.cuda.is_available()


def join_processes(device: str) -> None:
    """Meet the other processes, where there are any; on a GPU each takes one of its own.

    Raises:
        DeviceError: a CUDA device was asked for and there is none, or fewer than processes on this machine.
        ValueError: the environment says that there are several, and not all that they need.
        MissingProcessError: the others have not come within half an hour.
    """
    check_processes()
    if device == "cuda" and not torch.cuda.is_available():
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        among = "" if visible is None else f" where CUDA_VISIBLE_DEVICES is {visible!r}"
        raise DeviceError(
            f"device 'cuda' was asked for, but torch {torch.__version__} finds no CUDA device{among}; check "
            "'nvidia-smi', or train with --device cpu"
        )
    on_gpu = takes_gpu(device)
    if process_count() == 1:
        if on_gpu and torch.cuda.device_count() > 1:
            _LOG.info(
                "%d CUDA devices are here, and one is used; torchrun takes a process for each",
                torch.cuda.device_count(),
            )
        return
    if torch.distributed.is_initialized():
        return
    if on_gpu:
        _take_gpu(int(os.environ["LOCAL_RANK"]))
    with _said_while_waiting():
        store, rank, count = next(torch.distributed.rendezvous("env://", timeout=_ARRIVAL))  # type: ignore[attr-defined]
        store.set_timeout(_PATIENCE)
        torch.distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
            store=torch.distributed.PrefixStore("default_pg", store),  # type: ignore[attr-defined]
            rank=rank,
            world_size=count,
            timeout=_PATIENCE,
        )


def _take_gpu(number: int) -> None:
    there = torch.cuda.device_count()
    if number >= there:
        raise DeviceError(
            f"LOCAL_RANK is {number}, but torch {torch.__version__} finds {there} CUDA devices here; start no more "
            f"processes on a machine than it has (torchrun --nproc-per-node {there}), or train with --device cpu"
        )
    torch.cuda.set_device(number)


@contextmanager
def _said_while_waiting() -> Iterator[None]:
    """Within, all processes meet; what takes long is said, and what fails in one sentence."""
    count, place = process_count(), f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    told = f"all {count} processes (WORLD_SIZE) to meet at {place} (MASTER_ADDR, MASTER_PORT)"
    alone = "unset RANK, LOCAL_RANK and WORLD_SIZE to train in one process"
    timer = threading.Timer(_SILENT_SECONDS, lambda: _LOG.warning("waiting for %s; %s", told, alone))
    timer.daemon = True
    timer.start()
    try:
        yield
    except torch.distributed.DistError as error:
        problem = str(error).splitlines()[0]
        raise MissingProcessError(
            f"waited in vain for {told}: {problem}; start the missing ones, or {alone}"
        ) from error
    finally:
        timer.cancel()


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
