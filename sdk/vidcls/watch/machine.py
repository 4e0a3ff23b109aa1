"""How warm the machine is that watches."""

from __future__ import annotations

import re
from pathlib import Path

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


def _degrees(zone: Path) -> float | None:
    try:
        kind = (zone / "type").read_text(encoding="utf-8", errors="replace").strip()
        degrees = int((zone / "temp").read_text(encoding="ascii")) / 1000
    except (OSError, ValueError):  # asleep: the kernel says EAGAIN or EIO
        return None
    low, high = _POSSIBLE
    return degrees if _PROCESSORS.search(kind) and low < degrees < high else None
