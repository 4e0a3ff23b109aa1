"""The CPUs that this process may really use, by affinity mask and container quota, and what they can do."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def usable_cpus() -> int:
    """CPUs that this process can keep busy, at least 1.

    A container limited to two CPUs on a 64-core host still sees 64; 64 threads there are several
    times slower than two.
    """
    return max(1, min([allowed_cpus(), *(int(quota) for quota in cpu_quotas()), *_shares]))


def decoding_threads() -> int:
    """Threads that decode one video.

    Frames are converted and resized in other threads, which keep a second CPU busy: measured on two CPUs, one is
    as fast as two, and leaves more for other videos. Few codecs gain from more than four.
    """
    return min(4, max(1, usable_cpus() // 2))


def take_share(cpus: int) -> None:
    """Count on this many CPUs from now on, in a process that shares its machine with its like."""
    _shares[:] = [cpus]


def allowed_cpus() -> int:
    """CPUs that this process may run on, however little of their time it gets."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity mask to ask for
        return os.cpu_count() or 1


def cpu_quotas() -> list[float]:
    """Container quotas, in CPUs, that bind this process."""
    return _cgroup_quotas(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))


def cpu_name() -> str:
    """The processor's name as Linux has it, else its architecture."""
    return _cpu_facts(Path("/proc/cpuinfo"))[0] or platform.machine()


def cpu_features() -> dict[str, bool]:
    """Whether the processor has each instruction set that gains much here, by Linux's name for it.

    avx2, avx512f and sve carry fp32; vnni, asimddp, i8mm and amx_int8 int8; bf16 half precision.
    """
    flags = _cpu_facts(Path("/proc/cpuinfo"))[1]
    return {name: name in flags for name in _FEATURES["arm" if "asimd" in flags else "x86"]}


# What `take_share` left this process; empty: all of it.
_shares: list[int] = []

_FEATURES = {
    "x86": ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"),
    "arm": ("asimddp", "i8mm", "bf16", "sve"),
}


def _cpu_facts(path: Path) -> tuple[str, set[str]]:
    """(name, flags) of the first processor that Linux lists."""
    name, flags = "", set[str]()
    for line in _read(path).splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key in ("model name", "Model") and not name:
            name = value
        if key in ("flags", "Features"):
            return name, set(value.split())
    return name, flags


def _cgroup_quotas(membership: Path, root: Path) -> list[float]:
    """CPU quotas, in CPUs, of every control group this process is in, outer ones included."""
    quotas = []
    for line in _read(membership).splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers == "":  # version 2: one tree for all controllers
            for group in _with_parents(root, name):
                quotas += _quota(_read(group / "cpu.max").split())
        elif "cpu" in controllers.split(","):  # version 1: a tree of its own
            for group in _with_parents(root / "cpu", name):
                quotas += _quota([_read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")])
    return quotas


def _with_parents(root: Path, name: str) -> list[Path]:
    group = Path(name.lstrip("/"))
    return [root / group, *(root / parent for parent in group.parents)]


def _quota(fields: list[str]) -> list[float]:
    """[quota in CPUs], or [] where there is no limit ('max', -1) or no such file."""
    try:
        quota, period = (int(field) for field in fields)
    except ValueError:
        return []
    return [quota / period] if quota > 0 and period > 0 else []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
