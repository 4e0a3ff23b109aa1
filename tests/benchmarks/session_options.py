"""What onnxruntime's own settings are worth on this CPU: python tests/benchmarks/session_options.py MODEL.onnx

Sessions that differ from vidcls's own in one setting each, all in one process, turn by turn; a ratio below 1 is faster
than vidcls's own. The second row is the same again: what it is off from 1 is what the machine's noise makes. Peak
memory is that of a process of its own which loads the model and runs it three times.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import click
import numpy as np
import onnxruntime

from benchmarks.machine import warn_if_busy
from vidcls.cpus import cpu_name, usable_cpus
from vidcls.diagnostics.benchmark import peak_rss_mb

OWN, CONTROL = "as vidcls opens it", "the same again"
# {name: (entries of the session's configuration, attributes of its options)}
SETTINGS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    OWN: ({}, {}),
    CONTROL: ({}, {}),
    "one thread": ({}, {"intra_op_num_threads": 1}),
    "onnxruntime's own number of threads": ({}, {"intra_op_num_threads": 0}),
    "without spinning": ({"session.intra_op.allow_spinning": "0"}, {}),
    "without memory arena": ({}, {"enable_cpu_mem_arena": False}),
    "without memory pattern": ({}, {"enable_mem_pattern": False}),
    "without prepacking": ({"session.disable_prepacking": "1"}, {}),
    "blocks shared out as they come": ({"session.dynamic_block_base": "4"}, {}),
    "denormals as zero": ({"session.set_denormal_as_zero": "1"}, {}),
}


def open_session(model: Path, name: str) -> onnxruntime.InferenceSession:
    entries, attributes = SETTINGS[name]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = usable_cpus(), 1
    options.log_severity_level = 3
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    for key, value in attributes.items():
        setattr(options, key, value)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def random_clip(session: onnxruntime.InferenceSession) -> dict[str, np.ndarray]:
    (source,) = session.get_inputs()
    return {source.name: np.random.default_rng(0).integers(0, 256, (1, *source.shape[1:]), dtype=np.uint8)}


def peak_mb(model: Path, name: str) -> float:
    """Of a process that does nothing else."""
    done = subprocess.run(
        [sys.executable, __file__, str(model), "--alone", name], check=True, capture_output=True, text=True
    )
    return float(json.loads(done.stdout))


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.option("--runs", type=click.IntRange(min=1), default=7, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(list(SETTINGS)), help="These, and the first two.")
@click.option("--alone", type=click.Choice(list(SETTINGS)), hidden=True)
def main(model: Path, runs: int, only: tuple[str, ...], alone: str | None) -> None:
    """Time MODEL, a file of vidcls-export, with one setting of onnxruntime changed at a time."""
    if alone is not None:
        session = open_session(model, alone)
        for _ in range(3):
            session.run(None, random_clip(session))
        click.echo(json.dumps(peak_rss_mb()))
        return
    warn_if_busy()
    names = [name for name in SETTINGS if not only or name in (OWN, CONTROL, *only)]
    peaks = {name: peak_mb(model, name) for name in names}
    sessions, loading = {}, {}
    times: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        started = time.perf_counter()
        sessions[name] = open_session(model, name)
        loading[name] = time.perf_counter() - started
    clip = random_clip(sessions[OWN])
    for run in range(runs + 1):
        for name, session in sessions.items():
            started = time.perf_counter()
            session.run(None, clip)
            if run > 0:  # the first also allocates
                times[name].append(time.perf_counter() - started)
    own = statistics.median(times[OWN])
    click.echo(f"{model.name}, onnxruntime {onnxruntime.__version__}, {cpu_name()}, {usable_cpus()} threads")
    click.echo(f"load average {os.getloadavg()[0]:.1f}; medians of {runs} runs, turn by turn\n")
    click.echo(f"{'':36} {'ms':>8} {'ratio':>6} {'load s':>7} {'peak MB':>8}")
    for name in names:
        median = statistics.median(times[name])
        click.echo(f"{name:36} {median * 1000:8.1f} {median / own:6.2f} {loading[name]:7.2f} {peaks[name]:8.0f}")


if __name__ == "__main__":
    main()
