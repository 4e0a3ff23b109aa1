"""PyAV where it is installed. One thread at a time tries: a second would be given what a failed import leaves."""

from __future__ import annotations

import threading
from types import ModuleType

from vidcls.errors import DependencyError

_lock = threading.Lock()


def require_pyav() -> ModuleType:
    """The module `vidcls.video.pyav`.

    Raises:
        DependencyError: PyAV is missing, or too old.
    """
    with _lock:
        import vidcls.video.pyav as pyav  # noqa: PLC0415, PLR0402 - an optional package, looked up anew

        return pyav


def find_pyav() -> ModuleType | None:
    """The module `vidcls.video.pyav`, or None where PyAV is missing or too old."""
    try:
        return require_pyav()
    except DependencyError:
        return None
