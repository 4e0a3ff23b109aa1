"""Keeps the tests' processes from real-time priority.

SVT-AV1 gives the thread that calls it SCHED_FIFO, priority 99, where the process is root's (`geteuid() == 0`). Children
inherit it, and on two processors one that is busy then keeps everything else of that processor waiting, for as long as
it runs: tests beside it stood still for minutes.
"""

from __future__ import annotations

import ctypes
import sys

# linux/capability.h
_VERSION_3 = 0x20080522
_SYS_NICE = 1 << 23


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def give_up_real_time() -> None:
    """Give up CAP_SYS_NICE in this thread, and so in those that it starts; nothing where there is no such thing."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, data = _Header(_VERSION_3, 0), (_Data * 2)()
    if libc.capget(ctypes.byref(header), data) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    data[0].effective &= ~_SYS_NICE
    data[0].permitted &= ~_SYS_NICE
    if libc.capset(ctypes.byref(header), data) != 0:
        raise OSError(ctypes.get_errno(), "capset")
