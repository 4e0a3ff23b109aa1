"""What a process has open when it is forked: in the child there are no threads to it, and nobody to end them.

To destroy a session or a decoder there would be to wait for its threads for ever.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Any

_kept: weakref.WeakSet[Any] = weakref.WeakSet()


def keep_in_children(opened: Any) -> None:
    """Let no process that is forked from this one destroy `opened`, not even as it ends."""
    _kept.add(opened)


def _keep() -> None:
    for opened in list(_kept):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(opened))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep)
