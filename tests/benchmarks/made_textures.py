"""Video made without any picture: textured shapes that move over textures, as files that vidcls-pretrain reads.

    python tests/benchmarks/made_textures.py clips DIR --count 4096
    vidcls-pretrain DIR -o PRETRAINED --preset tiny --epochs 4
    python tests/benchmarks/frozen_features.py FOLDS PRETRAINED

    python tests/benchmarks/made_textures.py pictures PICTURES
    python tests/benchmarks/picture_student.py PICTURES --folds FOLDS --state STATE --clips 9216

What moves, accelerates, turns, scales, deforms and occludes is `moving_pictures`; the pictures it moves are noise of
several octaves and stripes, in colours at random. The same seed gives the same clips.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import sys
import time
from pathlib import Path

import click
import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from motion_dataset import write_clip

from benchmarks.moving_pictures import Footage, Picture, make_clip, picture_levels

SIZE, RATE = 112, 4.0  # 8 frames are then two seconds
TEXTURES, TEXTURE_SIZE = 256, 512
MAKE, TEXTURE = 0, 1  # apart, so that clips and textures are not of one stream


@click.group()
def main() -> None:
    """Make clips of moving textures, or the textures alone."""


@main.command()
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", type=int, default=0, show_default=True)
def pictures(output: Path, seed: int) -> None:
    """Write the textures into OUTPUT, as PNG."""
    output.mkdir(parents=True, exist_ok=True)
    for number, levels in enumerate(_footage(seed).pictures):
        cv2.imwrite(str(output / f"{number:03}.png"), levels[0][..., ::-1])


@main.command()
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.option("--count", type=click.IntRange(min=1), required=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--processes", type=click.IntRange(min=1), default=os.cpu_count(), show_default="one for each processor")
def clips(output: Path, count: int, seed: int, processes: int) -> None:
    """Write COUNT clips into OUTPUT, and print how fast they were made."""
    output.mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool(processes, initializer=_footage, initargs=[seed]) as pool:
        making = sum(pool.imap_unordered(functools.partial(_write, output, seed), range(count), chunksize=16))
    click.echo(
        f"{count} clips of 8x{SIZE}x{SIZE}, made at {count / making:.0f} a second "
        f"by each of {processes} processes, writing not counted"
    )


def _write(output: Path, seed: int, number: int) -> float:
    """Make and write one clip. Returns the processor's seconds of its making."""
    footage = _footage(seed)
    began = time.process_time()
    clip = make_clip(footage, (seed, MAKE, number), size=SIZE)
    making = time.process_time() - began
    write_clip(output / f"{number:06}.avi", iter(clip[..., ::-1]), rate=RATE, size=SIZE)
    return making


@functools.cache
def _footage(seed: int) -> Footage:
    """Of this process, whose OpenCV then uses one thread."""
    cv2.setNumThreads(1)
    textures = [texture(np.random.default_rng((seed, TEXTURE, number))) for number in range(TEXTURES)]
    return Footage(pictures=textures, videos=())


def texture(random: np.random.Generator) -> Picture:
    """Noise of several octaves, through stripes or not, between colours at random."""
    size = TEXTURE_SIZE
    roughness, values = random.uniform(0.3, 0.9), np.zeros((size, size), np.float32)
    for octave in range(2, 9):
        grid = random.normal(0, roughness**octave, (2**octave, 2**octave)).astype(np.float32)
        values += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
    if random.random() < 0.5:
        across, down = np.meshgrid(np.arange(size), np.arange(size))
        angle, period = random.uniform(0, np.pi), random.uniform(8, 80)
        phase = 2 * np.pi * (np.cos(angle) * across + np.sin(angle) * down) / period
        values = np.sin(phase + random.uniform(0, 6) * values / values.std()).astype(np.float32)
    ranks = np.interp(values, np.quantile(values, np.linspace(0, 1, 33)), np.linspace(0, 1, 33))
    count = int(random.integers(2, 6))
    colours, places = random.uniform(0, 255, (count, 3)), np.sort(random.random(count))
    coloured = np.stack([np.interp(ranks, places, colours[:, channel]) for channel in range(3)], axis=-1)
    return picture_levels(coloured.astype(np.uint8))


if __name__ == "__main__":
    main()
