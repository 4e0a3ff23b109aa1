"""Results that cannot be printed, as where stdout is a file on a full disk: one sentence and an exit code, too."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import click

from vidcls.printable import printable


class PrintingCommand(click.Command):
    """A command that ends with 1 and one sentence where its result cannot be printed."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            # The reader of a pipe has gone: click knows what to do. And what names a file is not about the result.
            if error.errno == errno.EPIPE or error.filename is not None:
                raise
            raise click.ClickException(f"the result cannot be printed ({printable(str(error))})") from error
        finally:
            _end_stdout()


def print_meanwhile(line: str) -> None:
    """Print how far something of hours is, which goes on where that cannot be printed: its result says it."""
    try:
        click.echo(line)
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise


def _end_stdout() -> None:
    """Print what is left; where that cannot be, drop it: Python would try again as it exits, and end with 120."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
