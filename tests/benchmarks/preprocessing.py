"""Time resize, crop and normalise beside torchvision and Hugging Face: python tests/benchmarks/preprocessing.py

All turn the same 16 decoded frames into one crop of 224 x 224 each, turn by turn, so that a slow spell
meets all. Pillow, called directly for whole frames, says what the pixels should be. Trust the ratios.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
# Otherwise PyTorch's threads wait for each other in a loop: where another process takes a CPU, many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import click
import cv2
import numpy as np
import PIL
import torch
import torchvision
import transformers
from PIL import Image as PillowImage
from torchvision.transforms.v2 import functional
from transformers import VideoMAEImageProcessor

from benchmarks.machine import warn_if_busy
from generated import MEAN, STD
from vidcls.contract import Image
from vidcls.cpus import cpu_name, usable_cpus
from vidcls.preprocessing import crop_frame, crop_frames, normalise

FRAMES, SIZE = 16, 224
SIZES = [(320, 240), (1280, 720), (1920, 1080), (3840, 2160)]
IMAGE = Image(
    resize="shortest_edge",
    resize_size=SIZE,
    crop_size=SIZE,
    interpolation="bilinear",
    antialias=True,
    channels="rgb",
    mean=MEAN,
    std=STD,
)


def footage(*, width: int, height: int) -> list[np.ndarray]:
    """uint8 RGB frames [H, W, 3] of coloured clouds, each an array of its own."""
    random = np.random.default_rng(0)
    clouds = random.integers(0, 256, size=(FRAMES, height // 8, width // 8, 3), dtype=np.uint8)
    return [cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC) for frame in clouds]


def with_vidcls(frames: list[np.ndarray]) -> np.ndarray:
    crop = partial(crop_frame, image=IMAGE, crops=1)
    return np.concatenate(list(crop_frames((partial(np.asarray, frame) for frame in frames), crop)))


def with_torchvision(frames: list[np.ndarray]) -> np.ndarray:
    """A frame at a time, in the memory layout that frames are decoded in, for which torchvision is fastest."""
    height, width = frames[0].shape[:2]
    scaled = SIZE * width // height
    left = (scaled - SIZE) // 2
    cropped = []
    for frame in frames:
        pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]
        resized = functional.resize(pixels, [SIZE, scaled], antialias=True)
        cropped.append(resized[..., left : left + SIZE])
    return torch.cat(cropped).permute(0, 2, 3, 1).contiguous().numpy()


def with_pillow(frames: list[np.ndarray]) -> np.ndarray:
    height, width = frames[0].shape[:2]
    scaled = SIZE * width // height
    left = (scaled - SIZE) // 2
    resized = [PillowImage.fromarray(frame).resize((scaled, SIZE), PillowImage.Resampling.BILINEAR) for frame in frames]
    return np.stack([np.asarray(frame)[:, left : left + SIZE] for frame in resized])


def normalised(frames: list[np.ndarray]) -> np.ndarray:
    return normalise(with_vidcls(frames), IMAGE)


def normalised_by_torchvision(frames: list[np.ndarray]) -> np.ndarray:
    pixels = torch.from_numpy(with_torchvision(frames)).permute(0, 3, 1, 2)
    return functional.normalize(functional.to_dtype(pixels, torch.float32, scale=True), MEAN, STD).numpy()


def normalised_by_hugging_face() -> Callable[[list[np.ndarray]], np.ndarray]:
    crop = {"height": SIZE, "width": SIZE}
    processor = VideoMAEImageProcessor(size={"shortest_edge": SIZE}, crop_size=crop, image_mean=MEAN, image_std=STD)
    return lambda frames: processor(frames, return_tensors="np")["pixel_values"][0]


def medians(tasks: Mapping[str, Callable[[], np.ndarray]], *, runs: int) -> dict[str, float]:
    """Milliseconds of each, turn by turn."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(runs + 1):  # the first also allocates
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            times[name].append((time.perf_counter() - started) * 1000)
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def print_table(
    ours: Callable[[list[np.ndarray]], np.ndarray],
    rivals: dict[str, Callable[[list[np.ndarray]], np.ndarray]],
    *,
    runs: int,
) -> None:
    click.echo(
        f"{'ms, median':14}{'vidcls':>10}" + "".join(f"{name:>16}{'ratio':>8}{'differs':>10}" for name in rivals)
    )
    for width, height in SIZES:
        frames = footage(width=width, height=height)
        exact = ours(frames)
        tasks = {name: partial(task, frames) for name, task in {"": ours, **rivals}.items()}
        times = medians(tasks, runs=runs)
        row = f"{f'{width} x {height}':14}{times['']:10.1f}"
        for name, task in rivals.items():
            difference = np.abs(exact.astype(np.float64) - task(frames)).max()
            row += f"{times[name]:16.1f}{times[''] / times[name]:8.2f}{difference:10.2g}"
        click.echo(row)


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=10, show_default=True)
def main(runs: int) -> None:
    """Time resize, crop and normalise beside torchvision and Hugging Face's image processor."""
    torch.set_num_threads(usable_cpus())
    warn_if_busy()
    click.echo(
        f"\nResizing {FRAMES} frames to {SIZE} x {SIZE}: Pillow {PIL.__version__}, torchvision "
        f"{torchvision.__version__}, transformers {transformers.__version__}, Python {platform.python_version()}"
    )
    click.echo(f"{cpu_name()}, {usable_cpus()} threads; {runs} runs each, turn by turn")
    click.echo("ratio: vidcls / rival, below 1 means that vidcls is faster; differs: by how much at most\n")
    click.echo("Cropped, uint8 (differs in grey levels)")
    print_table(with_vidcls, {"torchvision": with_torchvision, "Pillow": with_pillow}, runs=runs)
    click.echo("\nCropped and normalised, float32")
    rivals = {"torchvision": normalised_by_torchvision, "Hugging Face": normalised_by_hugging_face()}
    print_table(normalised, rivals, runs=runs)


if __name__ == "__main__":
    main()
