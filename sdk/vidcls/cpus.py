"""How many CPUs this process may really use: affinity mask and container quota, not the machine's count."""

from __future__ import annotations

import os
from pathlib import Path


def usable_cpus() -> int:
    """CPUs that this process can keep busy, at least 1.

    A container limited to two CPUs on a 64-core host still sees 64; 64 threads there are several
    times slower than two.
    """
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity mask to ask for
        cpus = os.cpu_count() or 1
    quotas = _cgroup_quotas(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
    return max(1, min([cpus, *(int(quota) for quota in quotas)]))


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
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
