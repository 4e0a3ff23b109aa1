"""How many processes load clips for each one that trains."""

from __future__ import annotations

import shutil
from pathlib import Path

from vidcls.cpus import usable_cpus
from vidcls_train.config.processes import process_count

# Worker processes hand their batches over in shared memory, of which Docker gives 64 MiB unless told
# otherwise; two batches of the base preset (8 clips of 9.6 MB) in flight from each of four workers take 600 MB.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only asked for its size
_BATCHES_BYTES = 2**30
_MOST_WORKERS = 4


def workers_that_suit() -> int:
    """For each training process: half as many as it has CPUs, or what several leave; none without room for batches."""
    if _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free < _BATCHES_BYTES:
        return 0
    cpus, processes = usable_cpus(), process_count()
    return min(_MOST_WORKERS, cpus // 2 if processes == 1 else max(0, cpus - processes) // processes)
