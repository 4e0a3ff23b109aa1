"""A model's own forward pass, which accelerate replaces by one in bf16 or fp16 for as long as the model is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import PreTrainedModel

# What `Accelerator.prepare_model` sets on the model itself, in front of what its class has. Accelerate's own
# `unwrap_model` would also take off what transformers wraps forward passes in.
_REPLACED = ("forward", "_original_forward")


def end_autocast(model: PreTrainedModel) -> None:
    """Have the model compute in the precision of its weights again, as whoever opens its checkpoint does."""
    for name in _REPLACED:
        vars(model).pop(name, None)


@contextmanager
def without_autocast(model: PreTrainedModel) -> Iterator[None]:
    """Have the model compute in the precision of its weights in between, while it is trained in another one."""
    replaced = {name: vars(model)[name] for name in _REPLACED if name in vars(model)}
    end_autocast(model)
    try:
        yield
    finally:
        vars(model).update(replaced)
