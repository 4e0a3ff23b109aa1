"""Whether a run can compute in the precision that its settings ask for."""

from __future__ import annotations

from vidcls.errors import ArgumentError
from vidcls_train.config.groups import RunConfig

# What training on a CPU computes in.
_OF_CPUS = ("auto", "fp32")


def check_precision(run: RunConfig, *, on_gpu: bool) -> None:
    """Refuse half precision on a CPU, which would train in fp32.

    Args:
        run: where and how the run computes.
        on_gpu: whether that is a GPU.

    Raises:
        ValueError: it asks for bf16 or fp16, and there is none.
    """
    if not on_gpu and run.precision not in _OF_CPUS:
        raise ArgumentError(
            f"precision is {run.precision}, which is for GPUs, and the run is on a CPU; leave it out of the settings, "
            "or train on a GPU with --device cuda"
        )
