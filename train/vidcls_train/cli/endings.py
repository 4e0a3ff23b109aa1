"""How a command line run ends early: a signal and a full disk, in one sentence that says what to do."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from safetensors import SafetensorError

from vidcls.cli.terminal import INTERRUPTED
from vidcls.files.run_status import SETTINGS_FILE

_TERMINATED = 143  # by SIGTERM

# What safetensors and torch.save say where the system would give a number.
_FULL_DISK = (
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "PytorchStreamWriter failed writing file",
)

# What PyTorch says where a process that loads clips gets the signal first, as all do of a terminal or a service.
_WORKER_SIGNALLED = re.compile(r"DataLoader worker .* killed by signal: (Interrupt|Terminated)")


class _InterruptedError(click.ClickException):
    exit_code = INTERRUPTED


class _TerminatedError(click.ClickException):
    exit_code = _TERMINATED


@contextmanager
def named_endings(output: Path) -> Iterator[None]:
    """End with a sentence on a signal, and where the disk is full.

    The exit code is 130 after an interrupt, 143 after a SIGTERM, and 1 of a full disk.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise _InterruptedError(f"interrupted; {_how_to_go_on(output)}") from None
    except SystemExit as error:
        if error.code != _TERMINATED:
            raise
        raise _TerminatedError(f"terminated; {_how_to_go_on(output)}") from None
    except (OSError, RuntimeError, SafetensorError) as error:
        if _WORKER_SIGNALLED.search(str(error)):
            raise _TerminatedError(f"terminated; {_how_to_go_on(output)}") from None
        if not _is_full_disk(error):
            raise
        raise click.ClickException(
            f"the disk with {output} is full; make room, then go on with the same command and --resume, from its last "
            "whole epoch"
        ) from error


def _how_to_go_on(output: Path) -> str:
    if (output / SETTINGS_FILE).exists():
        return f"go on with the same command and --resume, from {output}'s last whole epoch"
    return "nothing was trained yet, so that the same command begins anew"


def _is_full_disk(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    return any(phrase in str(error) for phrase in _FULL_DISK)
