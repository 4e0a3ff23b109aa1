"""Time VideoMAE on a CUDA card, beside PyTorch: python tests/benchmarks/cuda.py

One table, from one run: PyTorch eager and compiled, a plain Optimum export, and vidcls, all in half
precision; for each batch size latency, throughput, peak memory of the card and the largest difference from
PyTorch's logits in fp32 on the same card. vidcls gets uint8 frames, which its graph normalises; the others get
normalised pixels for nothing. With --device cpu --preset tiny it runs anywhere, in fp32, which shows that the
script works and nothing else.

Each rival runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
# Nothing here is on the hub; what looks there without asking would only wait for it.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import click
import numpy as np

from benchmarks.models import export_plain, pixel_values, random_frames, write_checkpoint
from vidcls_train.config.recipes import PRESETS

RIVALS = ("PyTorch eager", "torch.compile", "plain Optimum", "vidcls")
Run = Callable[[np.ndarray], np.ndarray]


def export_all(folder: Path, *, precision: str) -> None:
    """Write ours.onnx and plain/model.onnx."""
    from vidcls_export.exporter import export

    export(folder / "checkpoint", folder / "ours.onnx", precision=precision)  # type: ignore[arg-type]
    export_plain(folder, precision=precision)


def pytorch(folder: Path, *, device: str, half: bool, compiled: bool) -> Run:
    """PyTorch's model as a function of numpy arrays, input and logits copied like everybody's."""
    import torch
    from transformers import VideoMAEForVideoClassification

    torch.backends.cudnn.allow_tf32 = False
    model = VideoMAEForVideoClassification.from_pretrained(folder / "checkpoint").eval().to(device)
    model = model.half() if half else model
    answer = torch.compile(model, mode="max-autotune" if device == "cuda" else None) if compiled else model

    def run(pixel_values: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            values = torch.from_numpy(pixel_values).to(device)
            return np.asarray(answer(values.half() if half else values).logits.float().cpu())

    return run


def plain(folder: Path, *, device: str) -> Run:
    """The plain export in a session with onnxruntime's defaults."""
    import onnxruntime

    from vidcls.runtime import cuda

    if cuda.find_cuda(onnxruntime).problem is None:  # finds CUDA's libraries
        providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    else:
        providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(folder / "plain" / "model.onnx", providers=providers)
    if device == "cuda" and session.get_providers()[0] != "CUDAExecutionProvider":
        raise SystemExit("the plain export does not run on CUDA")
    (entry,) = session.get_inputs()
    element = np.float16 if entry.type == "tensor(float16)" else np.float32
    return lambda pixel_values: np.asarray(session.run(None, {entry.name: pixel_values.astype(element)})[0], np.float32)


def open_rival(name: str, folder: Path, *, device: str) -> Run:
    """A rival by its name."""
    from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession

    half = device == "cuda"
    if name in ("PyTorch eager", "torch.compile"):
        return pytorch(folder, device=device, half=half, compiled=name == "torch.compile")
    if name == "plain Optimum":
        return plain(folder, device=device)
    return OnnxRuntimeSession(folder / "ours.onnx", device=device).run  # type: ignore[arg-type]


def used_memory_mb() -> float:
    """MB in use on the first card, by everybody; 0 without one."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return 0.0
    library.nvmlInit_v2()
    handle, memory = ctypes.c_void_p(), (ctypes.c_ulonglong * 3)()  # total, free, used
    library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(handle))
    library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
    return memory[2] / 2**20


def measure(run: Run, inputs: np.ndarray, expected: np.ndarray, *, runs: int) -> dict[str, float]:
    """Seconds of the first answer, median ms of the later ones, and the largest difference of any."""
    before = time.perf_counter()
    answers = [run(inputs)]
    first = time.perf_counter() - before
    for _ in range(5):  # compiling, choosing kernels and recording graphs take more than one
        answers.append(run(inputs))
    times = []
    for _ in range(runs):
        before = time.perf_counter()
        answers.append(run(inputs))
        times.append((time.perf_counter() - before) * 1000)
    difference = max(float(np.abs(answer - expected).max()) for answer in answers)
    return {"first_s": first, "median_ms": statistics.median(times), "difference": difference}


def measure_rival(name: str, folder: Path, *, device: str, batch: int, runs: int) -> dict[str, float]:
    """Measure one rival in this process."""
    frames, expected = np.load(folder / "frames.npy")[:batch], np.load(folder / "expected.npy")[:batch]
    inputs = frames if name.startswith("vidcls") else pixel_values(folder, frames)
    before = used_memory_mb()
    result = measure(open_rival(name, folder, device=device), inputs, expected, runs=runs)
    # What a process takes of the card stays taken until it ends, so at the end it is the peak.
    return {**result, "memory_mb": used_memory_mb() - before}


def print_row(name: str, batch: int, result: dict[str, float] | None, ours: float | None) -> None:
    """One line of the table; the ratio is vidcls's time by the rival's, below 1 vidcls is faster."""
    if result is None:
        click.echo(f"{batch:5}  {name:20} {'failed':>9}")
        return
    milliseconds = result["median_ms"]
    ratio = "" if ours is None else f"{ours / milliseconds:.2f}"
    click.echo(
        f"{batch:5}  {name:20} {milliseconds:9.2f} {batch * 1000 / milliseconds:9.1f} {ratio:>6} "
        f"{result['memory_mb']:9.0f} {result['difference']:10.1e} {result['first_s']:8.1f}"
    )


@click.command()
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda", show_default=True)
@click.option("--preset", type=click.Choice(list(PRESETS)), default="base", show_default=True)
@click.option("--batch", "batches", type=click.IntRange(min=1), multiple=True, default=[1, 8, 32], show_default=True)
@click.option("--runs", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--rival", "rivals", type=click.Choice(RIVALS), multiple=True, default=RIVALS)
@click.option("--child", nargs=3, hidden=True, help="A rival, its batch and the folder: measure it and print JSON.")
def main(device: str, preset: str, batches: tuple[int, ...], runs: int, rivals: tuple[str, ...], child: Any) -> None:
    """Time VideoMAE on a card beside PyTorch and a plain export."""
    if child:
        rival, batch, where = child
        click.echo(json.dumps(measure_rival(rival, Path(where), device=device, batch=int(batch), runs=runs)))
        return
    precision = "fp16" if device == "cuda" else "fp32"
    with TemporaryDirectory() as name:
        folder = Path(name)
        shape = write_checkpoint(folder / "checkpoint", preset)
        export_all(folder, precision=precision)
        frames = np.stack([random_frames(folder, seed) for seed in range(max(batches))])
        reference = pytorch(folder, device=device, half=False, compiled=False)
        expected = np.concatenate([reference(pixel_values(folder, part[None])) for part in frames])
        np.save(folder / "frames.npy", frames)
        np.save(folder / "expected.npy", expected)
        print_head(device, preset, shape, precision, runs, expected)
        for batch in batches:
            results = {rival: in_child(rival, folder, device, batch, runs) for rival in rivals}
            timed = results.get("vidcls")
            for rival, result in results.items():
                print_row(rival, batch, result, timed["median_ms"] if timed else None)


def in_child(name: str, folder: Path, device: str, batch: int, runs: int) -> dict[str, float] | None:
    """Measure a rival in a process of its own; None, and why on stderr, if it fails."""
    command = [sys.executable, __file__, "--device", device, "--runs", str(runs), "--child", name, str(batch)]
    done = subprocess.run([*command, str(folder)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        return None
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def print_head(device: str, preset: str, shape: list[int], precision: str, runs: int, expected: np.ndarray) -> None:
    """What was measured on what."""
    import onnxruntime
    import torch
    import transformers

    import vidcls
    from vidcls.cpus import cpu_name
    from vidcls.runtime import cuda

    found = cuda.find_cuda(onnxruntime)
    where = found.cards[0].name if device == "cuda" and found.cards else cpu_name()
    driver = f", driver for CUDA {'.'.join(map(str, found.version))}" if found.version else ""
    click.echo(
        f"vidcls {vidcls.__version__}, onnxruntime {onnxruntime.__version__}, PyTorch {torch.__version__}, "
        f"transformers {transformers.__version__}, Python {platform.python_version()}"
    )
    click.echo(f"{where}{driver}")
    click.echo(
        f"VideoMAE {preset}, inputs {shape}, {precision}; medians of {runs} runs, from numpy array to logits; the "
        f"reference is PyTorch in fp32, its logits' standard deviation {expected.std():.1f}\n"
    )
    click.echo(
        f"{'batch':5}  {'':20} {'ms':>9} {'clips/s':>9} {'ratio':>6} {'card MB':>9} {'difference':>10} {'first s':>8}"
    )


if __name__ == "__main__":
    main()
