"""What processes of one run know of each other, for the tests of `distributed`.

python -m torch.distributed.run --nproc-per-node 2 tests/shared_work.py FOLDER [fail]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from vidcls_train.config.processes import process_count, process_rank
from vidcls_train.config.settings import train_config
from vidcls_train.trainer.arguments import training_arguments
from vidcls_train.trainer.distributed import (
    by_first_process,
    join_processes,
    leave_processes,
)


def say_who(folder: Path) -> None:
    """Write down what this process knows of itself and of the others."""
    total = torch.tensor(10 ** process_rank())
    torch.distributed.all_reduce(total)
    told = by_first_process(lambda: f"by {process_rank()}")
    facts = [process_count(), int(total), told, restored(folder / f"{process_rank()}.pt")]
    (folder / f"{process_rank()}.json").write_text(json.dumps(facts), encoding="utf-8")


def restored(file: Path) -> list[float]:
    """What a resumed run reads of its optimizer, as the Trainer reads it."""
    config = train_config({"data": "", "output": str(file.parent), "preset": "tiny", "device": "cpu"})
    arguments = training_arguments(config, steps=1, validates=False)
    torch.save(torch.tensor([1.0, 2.0]), file)
    found: list[float] = torch.load(file, map_location=arguments.device, weights_only=True).tolist()
    return found


def fail_at_the_first() -> None:
    """Fail where the others wait for the first."""
    by_first_process(lambda: json.loads("{"))


if __name__ == "__main__":
    join_processes("cpu")
    if "fail" in sys.argv:
        fail_at_the_first()
    say_who(Path(sys.argv[1]))
    leave_processes()
