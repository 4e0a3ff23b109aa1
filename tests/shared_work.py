"""What processes of one run may do, for the tests of `share_out`.

python tests/shared_work.py FOLDER HANDLER starts two that wait, with `signal`'s HANDLER for interrupts.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import torch

from vidcls.cpus import usable_cpus
from vidcls_train.trainer.distributed import by_first_process, process_count, process_rank, share_out


def say_who(folder: Path) -> None:
    """Write down what this process knows of itself and of the others."""
    total = torch.tensor(10 ** process_rank())
    torch.distributed.all_reduce(total)
    told = by_first_process(lambda: "by the first")
    facts = [process_count(), torch.get_num_threads(), usable_cpus(), int(total), told]
    (folder / f"{process_rank()}.json").write_text(json.dumps(facts), encoding="utf-8")


def fail_at_the_second(_: Path) -> None:
    """Run out of disk in the second process; the first waits, and misses it."""
    if process_rank() == 1:
        raise OSError(28, "No space left on device")
    torch.distributed.barrier()


def fail_at_the_first(_: Path) -> None:
    """Fail where the others wait for the first."""
    by_first_process(lambda: json.loads("{"))


def wait(folder: Path) -> None:
    """Meet the others and go on for long."""
    torch.distributed.barrier()
    (folder / str(process_rank())).touch()
    time.sleep(100)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, getattr(signal, sys.argv[2]))
    share_out(wait, Path(sys.argv[1]), processes=2)
