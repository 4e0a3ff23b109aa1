"""What the benchmarks say of the machine they ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import click

from vidcls.cpus import usable_cpus


def processor_name() -> str:
    """The CPU's name, as Linux has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def warn_if_busy() -> None:
    """Say so on stderr where other work takes a good part of the CPUs."""
    load = os.getloadavg()[0]
    if load > usable_cpus() / 2:
        click.echo(f"Warning: this machine is busy (load {load:.1f}); the times mean little, the ratios too", err=True)
