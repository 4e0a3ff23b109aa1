"""`vidcls-train` in processes of their own that share one import of PyTorch, which takes longer than such a run."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import torch

from vidcls_train.cli.finetune import main

# One process without threads imports what is named here, and every process that is started is a copy of it.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["vidcls_train.finetune", "vidcls_train.cli.progress"])


def start_forked(arguments: list[str], told: Path, *, environment: Mapping[str, str]) -> ForkServerProcess:
    """The command with these arguments and variables; all that it says goes to the file `told`."""
    process = _FORKS.Process(target=_run, args=(arguments, told, dict(environment)))
    process.start()
    return process


def _run(arguments: list[str], told: Path, environment: dict[str, str]) -> None:
    with told.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.environ.update(environment)
    if "OMP_NUM_THREADS" in environment:  # which PyTorch reads when it is imported
        torch.set_num_threads(int(environment["OMP_NUM_THREADS"]))
    main(arguments)
