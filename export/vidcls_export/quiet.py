"""Other libraries' messages, kept off the terminal."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within, no warnings, nothing logged below an error, and nothing printed to stdout.

    Exporting traces Python code, and PyTorch warns of every `if` on the way; transformers and Optimum warn of the
    configuration. What counts for the user is the comparison with PyTorch at the end.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
