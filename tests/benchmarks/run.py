"""Time an exported model beside PyTorch: python tests/benchmarks/run.py [--preset base] [--precision fp16]

Makes a VideoMAE of the preset's size with random weights, exports it, and classifies a generated clip
with both, turn by turn, so that a slow spell meets both. Trust the ratios, not the times, and neither
where the machine has other work.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
# Otherwise PyTorch's threads wait for each other in a loop: where another process takes a CPU, many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Nothing here is on the hub; libraries that ask it all the same would only wait.
os.environ["HF_HUB_OFFLINE"] = "1"

import click
import cv2
import numpy as np
import onnxruntime
import torch
from transformers import VideoMAEForVideoClassification, VideoMAEImageProcessor

import vidcls
from benchmarks.machine import warn_if_busy
from benchmarks.models import write_checkpoint
from generated import write_clip
from vidcls import VideoClassifier
from vidcls.clips import read_clips
from vidcls.cpus import cpu_name, usable_cpus
from vidcls.preprocessing import normalise
from vidcls_export.exporter import export
from vidcls_train.config.recipes import PRESETS

WIDTH, HEIGHT, FRAMES, RATE = 320, 240, 90, 30
STAGES = ("decode", "preprocess", "inference")


def measure(classifier: VideoClassifier, model: Any, processor: Any, clip: Path, *, runs: int) -> dict[str, Any]:
    """Milliseconds per stage of both, a list each, and the largest difference and the spread of the logits."""
    frames = read_clips(clip, classifier.contract).frames
    pixel_values = torch.from_numpy(normalise(frames, classifier.contract.image))
    full_frames = list(decoded(clip, classifier))
    times: dict[str, dict[str, list[float]]] = {
        "vidcls": {stage: [] for stage in (*STAGES, "total")},
        "PyTorch": {stage: [] for stage in STAGES[1:]},
    }
    for run in range(runs + 1):
        prediction = classifier.predict(clip)
        started = time.perf_counter()
        processor(full_frames, return_tensors="pt")
        processed = time.perf_counter()
        with torch.inference_mode():
            logits = model(pixel_values).logits[0].numpy()
        finished = time.perf_counter()
        if run == 0:
            continue  # the first also allocates
        for stage, values in times["vidcls"].items():
            values.append(prediction.timing_ms[stage])
        times["PyTorch"]["preprocess"].append((processed - started) * 1000)
        times["PyTorch"]["inference"].append((finished - processed) * 1000)
    difference = float(np.abs(prediction.logits - logits).max())
    return {"times": times, "difference": difference, "spread": float(logits.std())}


def decoded(clip: Path, classifier: VideoClassifier) -> list[np.ndarray]:
    """The frames that the model is given, uint8 RGB [H, W, 3], before resize and crop."""
    from vidcls.sampling import sample_views
    from vidcls.video.reader import iter_frames, read_times

    sampling = classifier.contract.sampling
    (view,) = sample_views(read_times(clip), frames=sampling.frames, clip_seconds=sampling.clip_seconds, views=1)
    by_index = dict(zip(sorted(set(view.indices)), iter_frames(clip, sorted(set(view.indices))), strict=True))
    return [by_index[index] for index in view.indices]


def print_table(times: dict[str, dict[str, list[float]]]) -> None:
    """Medians in ms per stage; a ratio below 1 means that vidcls is faster."""
    click.echo(f"{'ms, median':12} {'vidcls':>10} {'PyTorch':>10} {'ratio':>8}")
    for stage in (*STAGES, "total"):
        ours = statistics.median(times["vidcls"][stage])
        if stage in times["PyTorch"]:
            theirs = statistics.median(times["PyTorch"][stage])
            click.echo(f"{stage:12} {ours:10.1f} {theirs:10.1f} {ours / theirs:8.2f}")
        else:
            click.echo(f"{stage:12} {ours:10.1f} {'-':>10} {'-':>8}")


@click.command()
@click.option("--preset", type=click.Choice(list(PRESETS)), default="tiny", show_default=True)
@click.option("--precision", default="fp32", show_default=True, help="As for vidcls-export.")
@click.option("--runs", type=click.IntRange(min=1), default=20, show_default=True)
def main(preset: str, precision: str, runs: int) -> None:
    """Time an exported model beside PyTorch on this machine's CPU, and say how far apart their logits are."""
    torch.set_num_threads(usable_cpus())
    warn_if_busy()
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_checkpoint(folder / "checkpoint", preset)
        model = VideoMAEForVideoClassification.from_pretrained(folder / "checkpoint").eval()
        processor = VideoMAEImageProcessor.from_pretrained(folder / "checkpoint")
        report = export(folder / "checkpoint", folder / "model.onnx", precision=precision)  # type: ignore[arg-type]
        clip = write_clip(folder / "clip.mp4", frames=FRAMES, rate=RATE, width=WIDTH, height=HEIGHT)
        classifier = VideoClassifier(report.path, device="cpu")
        result = measure(classifier, model, processor, clip, runs=runs)
    size, frames = classifier.contract.image.crop_size, classifier.contract.sampling.frames
    click.echo(
        f"vidcls {vidcls.__version__}, onnxruntime {onnxruntime.__version__}, OpenCV {cv2.__version__}, "
        f"PyTorch {torch.__version__} (eager, fp32), Python {platform.python_version()}"
    )
    click.echo(f"{cpu_name()}, {usable_cpus()} threads")
    click.echo(
        f"VideoMAE {preset}, {frames} frames of {size} x {size}, {precision}, {report.file_mb:.1f} MB; a clip of "
        f"{FRAMES} frames, {WIDTH} x {HEIGHT}; {runs} runs each, turn by turn\n"
    )
    print_table(result["times"])
    click.echo(
        f"\nlargest logit difference {result['difference']:.1e}; the logits' standard deviation is "
        f"{result['spread']:.1f}"
    )


if __name__ == "__main__":
    main()
