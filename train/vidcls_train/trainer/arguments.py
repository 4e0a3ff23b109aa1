"""A run's configuration in the words of transformers."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import TrainingArguments

from vidcls_train.config.processes import process_count
from vidcls_train.config.settings import Config
from vidcls_train.trainer.distributed import takes_gpu
from vidcls_train.trainer.steps import STEPS_FOLDER
from vidcls_train.trainer.workers import workers_that_suit

# By which `accelerate launch` tells a run's precision, and TrainingArguments tells it to accelerate.
_PRECISION = "ACCELERATE_MIXED_PRECISION"


class _Arguments(TrainingArguments):  # type: ignore[misc]
    @property
    def device(self) -> torch.device:
        """The process's device; accelerate numbers CPUs by process, and torch.load, on resuming, knows only one."""
        found: torch.device = super().device
        return torch.device("cpu") if found.type == "cpu" else found

    @property
    def n_gpu(self) -> int:
        """One at most: transformers would copy the model to all that it sees, and draws for a batch know of one."""
        found: int = super().n_gpu
        return min(found, 1)


def computes_bf16() -> bool:
    """Whether the card has bf16 of its own: older ones only emulate it."""
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


@contextmanager
def environment_kept() -> Iterator[None]:
    """Within, transformers writes a run's precision into the environment; after it that is what it was.

    Else the next run in the process would train in the half precision that this one asked for.
    """
    before = os.environ.get(_PRECISION)
    try:
        yield
    finally:
        os.environ.pop(_PRECISION, None)
        if before is not None:
            os.environ[_PRECISION] = before


def training_arguments(config: Config, *, steps: int, validates: bool) -> TrainingArguments:
    """What the Trainer does; it saves, and validates if it can, after every epoch."""
    # About how it finds its newest checkpoint; it then goes by their numbers, as it should.
    warnings.filterwarnings("ignore", message="mtime may not be reliable")
    run, batch_size = config.run, config.optimization.batch_size
    on_gpu = takes_gpu(run.device)
    bf16 = run.precision == "bf16" or (run.precision == "auto" and on_gpu and computes_bf16())
    workers = workers_that_suit() if run.workers is None else run.workers
    return _Arguments(
        output_dir=str(run.output / STEPS_FOLDER),
        num_train_epochs=config.schedule.epochs,
        max_steps=config.schedule.max_steps or -1,
        per_device_train_batch_size=max(
            1, batch_size // run.gradient_accumulation_steps // process_count()
        ),  # of no effect: the sampler makes the batches
        per_device_eval_batch_size=batch_size,
        gradient_accumulation_steps=run.gradient_accumulation_steps,
        gradient_checkpointing=run.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        bf16=on_gpu and bf16,
        fp16=on_gpu and run.precision == "fp16",
        lr_scheduler_type="cosine",
        warmup_steps=math.ceil(steps * config.schedule.warmup_ratio),
        eval_strategy="epoch" if validates else "no",
        save_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=2,
        logging_nan_inf_filter=False,  # else NaN is logged as a number
        seed=run.seed,
        dataloader_num_workers=workers,
        dataloader_persistent_workers=workers > 0,
        dataloader_pin_memory=on_gpu,
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        use_cpu=not on_gpu,
        report_to=[],
    )
