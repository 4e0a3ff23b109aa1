"""What is said where a training needs more memory than there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from vidcls.errors import VidclsError


class OutOfMemoryError(VidclsError):
    """The model does not fit into memory with this batch size."""


@contextmanager
def named_memory_errors(*, batch_size: int, accumulation_steps: int) -> Iterator[None]:
    """Say what helps where memory runs out, on the GPU or beside it."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        # PyTorch's allocator for the CPU raises a bare RuntimeError.
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error):
            raise OutOfMemoryError(
                f"memory ran out with batches of {batch_size} clips in {accumulation_steps} parts; go on with --resume "
                f"and --gradient-accumulation-steps {2 * accumulation_steps}, which computes the same in smaller "
                "parts, or start again with --gradient-checkpointing, a smaller --batch-size, --frames or --image-size"
            ) from error
        raise
