"""What the benchmarks say of the machine they ran on."""

from __future__ import annotations

import os

import click

from vidcls.cpus import usable_cpus


def warn_if_busy() -> None:
    """Say so on stderr where other work takes a good part of the CPUs."""
    load = os.getloadavg()[0]
    if load > usable_cpus() / 2:
        click.echo(f"Warning: this machine is busy (load {load:.1f}); the times mean little, the ratios too", err=True)
