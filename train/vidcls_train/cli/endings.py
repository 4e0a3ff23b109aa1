"""How a command line run ends early: an interrupt and a full disk, in one sentence that says what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from safetensors import SafetensorError

# What safetensors and torch.save say where the system would give a number.
_FULL_DISK = (
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "PytorchStreamWriter failed writing file",
)


@contextmanager
def named_endings(output: Path) -> Iterator[None]:
    """End with exit code 1 and a sentence on an interrupt, and where the disk is full."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.ClickException(
            f"interrupted; go on with the same command and --resume, from {output}'s last whole epoch"
        ) from None
    except (OSError, RuntimeError, SafetensorError) as error:
        if not _is_full_disk(error):
            raise
        raise click.ClickException(
            f"the disk with {output} is full; make room, then go on with the same command and --resume, from its last "
            "whole epoch"
        ) from error


def _is_full_disk(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    return any(phrase in str(error) for phrase in _FULL_DISK)
