"""Make a labelled motion dataset: python examples/motion_dataset.py OUT_DIR [--clips-per-class 500] [--seed 0] ...

Six classes: a disc, square or triangle, brighter than the colour gradient behind it, moves down,
left, right or up, or grows or shrinks. The label is what moves how, not what is seen:

- A scene (shape, colours, and one path each for x, y and radius) is drawn without knowing the label.
  The label only picks which path is travelled, and which way; the other two rest at a random point.
  Left is therefore right played backwards, and so are up and down, grow and shrink.
- A frame from a random moment has exactly the same distribution in every class: it tells nothing.
- A clip's frames in random order tell which path is travelled but not which way: at most 0.50 right.
- The first or the last frame alone tells something, since a shape that goes left within the frame
  has to start further right; far too little to pass for having seen the motion.
- --noise makes it hard: frames then differ by more than what moves.
- Every frame is a JPEG of its own, so that no codec's traces of earlier frames give the way away.

Writes OUT_DIR/train, val and test with a folder per label, the layout that vidcls-train reads.
The same seed gives the same files.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np

# label -> the path that is travelled, and which way; y points down.
MOVES = {
    "down": ("y", 1),
    "grow": ("radius", 1),
    "left": ("x", -1),
    "right": ("x", 1),
    "shrink": ("radius", -1),
    "up": ("y", -1),
}
SHAPES = {"disc": 48, "square": 4, "triangle": 3}  # corners of a regular polygon

# Lengths are shares of the frame's side.
RADIUS = (0.06, 0.10)  # the small end of the radius path; of the circle around the shape
GROWTH = (1.7, 2.2)  # large end / small end
TRAVEL = (0.22, 0.38)  # length of the x and y paths
MARGIN = 0.03  # the shape stays at least this far inside the frame
CONTRAST = 60  # the shape's luma, 0..255, is at least this far above its background's at every point

LUMA = np.array([0.114, 0.587, 0.299], np.float32)  # of BGR
OVERSAMPLING = 4
SHIFT = 6  # OpenCV takes corners in 1/64 of a pixel


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything about a clip but its label.

    colours: BGR of the shape and of the gradient's two ends, float32 [3, 3].
    gradient_angle: radians.
    paths: (low end, high end) of "x", "y" and "radius", in shares of the frame's side.
    rests: for each path, how far along it the shape rests when another one is travelled, 0..1.
    """

    shape: str
    colours: np.ndarray
    gradient_angle: float
    paths: dict[str, tuple[float, float]]
    rests: dict[str, float]


def draw_scene(rng: np.random.Generator, *, frames: int) -> Scene:
    """A random scene for a clip of `frames` frames."""
    small = rng.uniform(*RADIUS)
    large = small * rng.uniform(*GROWTH)
    paths = {"radius": (small, large)}
    for axis in ("x", "y"):
        travel = rng.uniform(*TRAVEL)
        low = rng.uniform(large + MARGIN, 1 - large - MARGIN - travel)
        paths[axis] = (low, low + travel)
    return Scene(
        shape=str(rng.choice(list(SHAPES))),
        colours=_contrasting_colours(rng),
        gradient_angle=rng.uniform(0, 2 * np.pi),
        paths=paths,
        # Where a travelling shape can be at some frame, so that resting looks like any moment of travelling.
        rests={name: rng.integers(frames) / (frames - 1) for name in ("x", "y", "radius")},
    )


def render(scene: Scene, label: str, *, frames: int, size: int) -> Iterator[np.ndarray]:
    """The scene as `label` moves it: `frames` frames, uint8 BGR [size, size, 3]."""
    travelled, direction = MOVES[label]
    background = _gradient(scene, size=size)
    contrast = scene.colours[0] - background
    for step in range(frames)[::direction]:
        along = {**scene.rests, travelled: step / (frames - 1)}
        at = {name: low + (high - low) * along[name] for name, (low, high) in scene.paths.items()}
        yield np.rint(background + contrast * _coverage(scene.shape, at, size=size)[..., None]).astype(np.uint8)


def with_noise(frames: Iterator[np.ndarray], rng: np.random.Generator, *, noise: float) -> Iterator[np.ndarray]:
    """Each frame with noise of its own, of that standard deviation in grey levels."""
    for frame in frames:
        yield np.rint(frame + rng.normal(0, noise, frame.shape)).clip(0, 255).astype(np.uint8)


def write_clip(path: Path, frames: Iterator[np.ndarray], *, rate: float, size: int) -> None:
    """Write BGR frames [size, size, 3] as Motion JPEG in AVI, by the writer that every OpenCV has built in."""
    fourcc = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, fourcc, rate, (size, size))
    if not writer.isOpened():
        raise click.ClickException(f"{path}: OpenCV cannot write it; check that the folder may be written to")
    for frame in frames:
        writer.write(frame)
    writer.release()


def _contrasting_colours(rng: np.random.Generator) -> np.ndarray:
    while True:
        colours = rng.uniform(0, 255, (3, 3)).astype(np.float32)
        # Along the gradient the luma runs from one end's to the other's, so its ends are enough.
        above = (colours[0] - colours[1:]) @ LUMA
        if (above > CONTRAST).all():
            return colours


def _gradient(scene: Scene, *, size: int) -> np.ndarray:
    """Linear from one colour to the other, corner to corner: float32 BGR [size, size, 3]."""
    centred = np.arange(size, dtype=np.float32) - (size - 1) / 2
    cosine, sine = math.cos(scene.gradient_angle), math.sin(scene.gradient_angle)
    reach = (abs(cosine) + abs(sine)) * (size - 1)
    along = (centred[None, :] * cosine + centred[:, None] * sine) / reach + 0.5
    start, end = scene.colours[1:]
    return np.asarray(start + (end - start) * along[..., None])


def _coverage(shape: str, at: dict[str, float], *, size: int) -> np.ndarray:
    """How much of each pixel the shape covers, 0..1: float32 [size, size]."""
    corners = SHAPES[shape]
    # From the lower right corner on, so that squares and triangles stand on a side.
    angles = np.pi / 2 - np.pi / corners + 2 * np.pi * np.arange(corners) / corners
    points = np.stack([at["x"] + at["radius"] * np.cos(angles), at["y"] + at["radius"] * np.sin(angles)], axis=-1)
    fine = size * OVERSAMPLING
    mask = np.zeros((fine, fine), np.uint8)
    # OpenCV puts whole numbers in the middle of pixels.
    cv2.fillConvexPoly(mask, np.rint((points * fine - 0.5) * 2**SHIFT).astype(np.int32), 255, shift=SHIFT)
    coverage: np.ndarray = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA) / np.float32(255)
    return coverage


@click.command()
@click.argument("out_dir", type=click.Path(path_type=Path))
@click.option("--clips-per-class", type=click.IntRange(min=1), default=500, show_default=True, help="For training.")
@click.option("--val-per-class", type=click.IntRange(min=0), default=40, show_default=True)
@click.option("--test-per-class", type=click.IntRange(min=0), default=60, show_default=True)
@click.option("--size", type=click.IntRange(min=32), default=64, show_default=True, help="Side of the frames, pixels.")
@click.option("--frames", type=click.IntRange(min=2), default=16, show_default=True, help="Frames of each clip.")
@click.option("--rate", type=click.FloatRange(min=1), default=15, show_default=True, help="Frames per second.")
@click.option(
    "--noise", type=click.FloatRange(min=0), default=0, show_default=True, help="Of every frame, in grey levels."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def main(
    out_dir: Path,
    clips_per_class: int,
    val_per_class: int,
    test_per_class: int,
    size: int,
    frames: int,
    rate: float,
    noise: float,
    seed: int,
) -> None:
    """Make a motion dataset in OUT_DIR, a new or empty folder."""
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise click.ClickException(f"{out_dir}: exists and is not an empty folder; remove it or name another one")
    clips = {"train": clips_per_class, "val": val_per_class, "test": test_per_class}
    plan = [
        (split, label, number)
        for split, count in enumerate(clips.values())
        for label in range(len(MOVES))
        for number in range(count)
    ]
    with click.progressbar(plan, label="drawing clips", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        for split, label, number in bar:
            # Numbers of its own for each clip: asking for more clips leaves the others as they were.
            rng = np.random.default_rng([seed, split, label, number])
            name = list(MOVES)[label]
            folder = out_dir / list(clips)[split] / name
            folder.mkdir(parents=True, exist_ok=True)
            drawn = render(draw_scene(rng, frames=frames), name, frames=frames, size=size)
            noisy = with_noise(drawn, rng, noise=noise)
            write_clip(folder / f"{name}_{number:04}.avi", noisy, rate=rate, size=size)
    counts = ", ".join(f"{count * len(MOVES)} {split}" for split, count in clips.items())
    click.echo(f"{out_dir}: {counts} clips of {frames} frames, {size} x {size} px, {frames / rate:.2f} s")


if __name__ == "__main__":
    main()
