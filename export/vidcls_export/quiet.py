"""Other libraries' messages, kept off the terminal."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

from transformers.utils import logging as transformers_logging


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within, no warnings, nothing logged below an error, nothing printed to stdout, and no bars of transformers.

    Exporting traces Python code, and PyTorch warns of every `if` on the way; transformers and Optimum warn of the
    configuration. What counts for the user is the comparison with PyTorch at the end.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with _without_bars():
                yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def _without_bars() -> Iterator[None]:
    """Within, no bar for the parts of a checkpoint, which would be drawn in a log file too."""
    if not transformers_logging.is_progress_bar_enabled():
        yield
        return
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.enable_progress_bar()
