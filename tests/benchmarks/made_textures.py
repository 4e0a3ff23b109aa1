"""Video made without any picture: textured shapes that move over textures, as files that vidcls-pretrain reads.

    python tests/benchmarks/made_textures.py DIR --clips 4096
    vidcls-pretrain DIR -o PRETRAINED --preset tiny --epochs 4
    python tests/benchmarks/frozen_features.py FOLDS PRETRAINED

What moves, accelerates, turns, scales, deforms and occludes is `moving_pictures`; the pictures it moves are noise of
several octaves and stripes, in colours at random. The same seed gives the same clips.
"""

from __future__ import annotations

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

WRITTEN_SIZE, RATE = 112, 4.0  # 8 frames are then two seconds
TEXTURES, TEXTURE_SIZE = 256, 512
MAKE, TEXTURE = 0, 1  # apart, so that clips and textures are not of one stream


@click.command()
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.option("--clips", type=click.IntRange(min=1), required=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(output: Path, clips: int, seed: int) -> None:
    """Write CLIPS clips into OUTPUT, and print how fast they were made."""
    cv2.setNumThreads(1)
    output.mkdir(parents=True, exist_ok=True)
    textures = [texture(np.random.default_rng((seed, TEXTURE, number))) for number in range(TEXTURES)]
    footage = Footage(pictures=textures, videos=())
    making = 0.0
    for number in range(clips):
        began = time.process_time()
        clip = make_clip(footage, (seed, MAKE, number))
        extent = (WRITTEN_SIZE, WRITTEN_SIZE)
        small = [cv2.resize(frame, extent, interpolation=cv2.INTER_AREA)[..., ::-1] for frame in clip]
        making += time.process_time() - began
        write_clip(output / f"{number:06}.avi", iter(small), rate=RATE, size=WRITTEN_SIZE)
    click.echo(f"{clips} clips; made at {clips / making:.0f} a second of one processor, without writing")


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
