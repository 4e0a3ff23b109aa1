"""How a run shares out the processor: how many processes train, and how many load clips for them."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TypeVar

from vidcls.cpus import usable_cpus
from vidcls_train.config.settings import PRESETS, RunSettings, given
from vidcls_train.data.epoch_sampler import check_parts, most_parts
from vidcls_train.trainer.distributed import process_count, takes_gpu

# Layers this narrow are soon computed, and threads gain little on them: at times much less than processes do.
_NARROW = PRESETS["tiny"].hidden_size

# Each takes 0.8 GB.
_MOST_PROCESSES = 4

# Worker processes hand their batches over in shared memory, of which Docker gives 64 MiB unless told
# otherwise; two batches of the base preset (8 clips of 9.6 MB) in flight from each of four workers take 600 MB.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only asked for its size
_BATCHES_BYTES = 2**30
_MOST_WORKERS = 4

AnySettings = TypeVar("AnySettings", bound=RunSettings)


def share_processor(settings: AnySettings, *, width: int, clips: int) -> AnySettings:
    """These settings with as many processes and loading workers as suit this machine, where they are left open.

    Args:
        settings: complete but for that.
        width: the encoder's hidden size.
        clips: for training.

    Raises:
        ValueError: more processes are asked for than batches can be shared by, or any on a GPU, or in a process that
            was started with others already.
    """
    processes = settings.processes
    if process_count() > 1:
        if processes not in (None, 1):
            raise ValueError(
                f"processes is {processes}, but {process_count()} were started already; leave --processes to torchrun "
                "or accelerate"
            )
        processes = 1
    elif processes is None:
        parts = most_parts(clips, given(settings.batch_size)) // settings.accumulate
        narrow = width <= _NARROW and not takes_gpu(settings.device)
        processes = max(1, min(usable_cpus(), parts, _MOST_PROCESSES)) if narrow else 1
    elif processes > 1 and takes_gpu(settings.device):
        raise ValueError(
            f"processes is {processes}, which is for a CPU; start a run on several GPUs by torchrun, or give --device "
            "cpu"
        )
    else:
        check_parts(clips, batch_size=given(settings.batch_size), processes=processes, accumulate=settings.accumulate)
    workers = settings.workers
    if workers is None:
        workers = _workers_that_suit(max(processes, process_count()))
    return dataclasses.replace(settings, processes=processes, workers=workers)


def _workers_that_suit(processes: int) -> int:
    """For each process: half as many as it has CPUs, or what several leave; none where batches find no room."""
    if _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free < _BATCHES_BYTES:
        return 0
    cpus = usable_cpus()
    return min(_MOST_WORKERS, cpus // 2 if processes == 1 else max(0, cpus - processes) // processes)
