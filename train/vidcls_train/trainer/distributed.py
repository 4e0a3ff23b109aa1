"""Several processes on one run, started by `torchrun` or `accelerate launch`: the first one talks and writes."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed

from vidcls.errors import DeviceError

T = TypeVar("T")

_LOG = logging.getLogger("vidcls.train")

# The others wait this long while the first one decodes the videos.
_PATIENCE = timedelta(days=2)


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
    """Meet the other processes, where there are any; on a GPU each takes one of its own.

    Raises:
        DeviceError: a CUDA device was asked for and there is none.
    """
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
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=_PATIENCE)


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
