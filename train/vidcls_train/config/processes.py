"""Which of the processes of one run this is, as torchrun and accelerate say in the environment; no PyTorch needed."""

from __future__ import annotations

import os

from vidcls.errors import ArgumentError

# What each of several processes is told; PyTorch and accelerate ask for all of them.
_TOLD = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

# By which accelerate learns from MPI that there are several, who know nothing of each other here.
_OF_MPI = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")


def process_count() -> int:
    """How many processes share the run.

    Raises:
        ValueError: WORLD_SIZE is no number of processes.
    """
    return _number("WORLD_SIZE", least=1, unset=1)


def process_rank() -> int:
    """This process's number; the first one is 0.

    Raises:
        ValueError: RANK is no such number.
    """
    return _number("RANK", least=0, unset=0)


def check_processes() -> None:
    """Refuse to be one of several processes that is not told all of it, as by what a cluster's job has left behind.

    Such a process would wait for others that never come, or train as the only one and keep nothing.

    Raises:
        ValueError: a variable is missing or wrong; names it and what to do.
    """
    count, rank, local = process_count(), process_rank(), _number("LOCAL_RANK", least=-1, unset=-1)
    if "WORLD_SIZE" not in os.environ:
        _check_mpi()
    if count == 1 and rank == 0 and local == -1:
        return
    given = [name for name in _TOLD if name in os.environ]
    missing = [name for name in _TOLD if name not in os.environ]
    if missing:
        raise ArgumentError(
            f"{_listed(given)} {'is' if len(given) == 1 else 'are'} set in the environment, but not "
            f"{_listed(missing)}: the processes of one run are told all of these; start them by torchrun or "
            f"'accelerate launch', or unset {_listed(given)} to train in one process"
        )
    if rank >= count:
        raise ArgumentError(
            f"RANK is {rank}, but WORLD_SIZE is {count}, and processes are numbered from 0 on; start them by torchrun "
            "or 'accelerate launch', or unset both and LOCAL_RANK to train in one process"
        )
    _number("MASTER_PORT", least=1, unset=1)


def _check_mpi() -> None:
    for name in _OF_MPI:
        if _number(name, least=1, unset=1) > 1:
            raise ArgumentError(
                f"{name} is {os.environ[name]}, but MPI does not tell processes how to meet; start them by torchrun or "
                f"'accelerate launch', or unset {name} to train in one process"
            )


def _number(name: str, *, least: int, unset: int) -> int:
    text = os.environ.get(name)
    if text is None:
        return unset
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise ArgumentError(
            f"{name} is '{text}' in the environment, expected a whole number from {max(least, 0)} on, as torchrun and "
            f"'accelerate launch' set it; unset it to train in one process"
        )
    return value


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
