"""How the machine is that watches: how warm, how busy, and how much memory this program takes of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from vidcls.cpus import allowed_cpus

# Linux's names for sensors at the processor: cpu-thermal, x86_pkg_temp, coretemp, bigcore0-thermal, soc-thermal.
_PROCESSORS = re.compile(r"cpu|pkg|core|soc|tctl|tdie", re.IGNORECASE)
# What sensors say that are off or broken lies outside, degrees Celsius.
_POSSIBLE = (-50.0, 150.0)


def temperature_celsius(folder: Path = Path("/sys/class/thermal")) -> float | None:
    """Of the warmest part of the processor; None where the system does not say, as outside of Linux.

    folder: where Linux lists its sensors.
    """
    try:
        zones = sorted(folder.glob("thermal_zone*"))
    except OSError:
        return None
    found = [degrees for zone in zones if (degrees := _degrees(zone)) is not None]
    return max(found, default=None)


def load() -> float | None:
    """How many programs had work in the last minute, for each CPU this one may use; None on Windows.

    1.0 is busy; above it, work waits.
    """
    try:
        return os.getloadavg()[0] / allowed_cpus()
    except (AttributeError, OSError):
        return None


def memory_mb() -> float | None:
    """The memory that this process holds, in 10^6 bytes; None where the system does not say, as outside of Linux."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (AttributeError, OSError, ValueError, IndexError):
        return None


def _degrees(zone: Path) -> float | None:
    try:
        kind = (zone / "type").read_text(encoding="utf-8", errors="replace").strip()
        degrees = int((zone / "temp").read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):  # asleep: the kernel says EAGAIN or EIO
        return None
    low, high = _POSSIBLE
    return degrees if _PROCESSORS.search(kind) and low < degrees < high else None
