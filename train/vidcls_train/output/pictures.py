"""Pictures of a run: the clips it trains on, its curves, and what a masked model reconstructs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from vidcls.figures.animation import write_animation
from vidcls.figures.letters import font, spelled
from vidcls_train.trainer.selection import best_row

mpl.use("agg")

_TILE = 160
_RECONSTRUCTED_FRAMES = 4
_CAPTION = 20

_MEASURES = {"eval_accuracy": "val top-1", "eval_map": "val mean average precision"}


def write_samples(clips: Sequence[tuple[str, npt.NDArray[np.uint8]]], path: Path, *, seconds: float) -> None:
    """Write labelled clips side by side as one GIF, four in a row.

    Args:
        clips: (label, uint8 RGB [T, H, W, 3]) each, all of one T.
        path: ending in .gif.
        seconds: that the GIF lasts.

    Example:
        >>> import tempfile
        >>> clip = np.zeros((8, 32, 32, 3), np.uint8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_samples([("jump", clip), ("wave", clip)], Path(folder) / "samples.gif", seconds=2.0)
        ...     with Image.open(Path(folder) / "samples.gif") as picture:
        ...         picture.size
        (320, 180)
    """
    length = len(clips[0][1])
    sheets = [_sheet([(label, frames[index]) for label, frames in clips]) for index in range(length)]
    write_animation(np.stack(sheets), path, seconds=seconds)


def write_curves(history: Sequence[dict[str, Any]], path: Path) -> None:
    """Plot loss and validation accuracy over epochs, or the mean average precision where labels may hold together.

    Args:
        history: the Trainer's log history; rows with "loss", "eval_loss" and "eval_accuracy" or "eval_map" at an
            "epoch" count.
        path: ending in .png.

    Example:
        >>> import tempfile
        >>> history = [{"step": 4, "epoch": 1.0, "loss": 2.1}]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_curves(history, Path(folder) / "curves.png")
        ...     with Image.open(Path(folder) / "curves.png") as picture:
        ...         picture.size
        (1200, 480)
    """
    train = [(row["epoch"], row["loss"]) for row in history if "loss" in row]
    val = [(row["epoch"], row["eval_loss"]) for row in history if "eval_loss" in row]
    measure = "eval_map" if any("eval_map" in row for row in history) else "eval_accuracy"
    measured = [(row["epoch"], row[measure]) for row in history if measure in row]
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for points, name in ((train, "train"), (val, "val")):
        if points:
            left.plot(*zip(*points, strict=True), marker=".", label=name)
    left.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    left.legend()
    if measured:
        right.plot(*zip(*measured, strict=True), marker=".", color="tab:green")
    kept = best_row(history)
    if kept is not None:
        point = (kept["epoch"], kept[measure])
        right.scatter(*point, color="tab:green", zorder=3)
        # Towards the middle, so that it stays inside the picture.
        side = "right" if 2 * point[0] > measured[-1][0] else "left"
        right.annotate(f"kept {point[1]:.3f}", point, textcoords="offset points", xytext=(0, 8), ha=side)
    right.set(xlabel="epoch", ylabel=_MEASURES[measure], ylim=(0, 1.08))
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def write_reconstructions(clips: Sequence[Sequence[npt.NDArray[np.uint8]]], path: Path) -> None:
    """Draw clips as blocks of three rows of frames.

    Args:
        clips: (original, masked, reconstructed) each, all three uint8 RGB [T, H, W, 3], as `reconstruct` gives them.
        path: ending in .png.
    """
    length, height, width, _ = clips[0][0].shape
    chosen = np.linspace(0, length - 1, min(_RECONSTRUCTED_FRAMES, length)).round().astype(int)
    rows = [np.concatenate([clip[index] for index in chosen], axis=1) for block in clips for clip in block]
    names = ("original", "masked", "reconstructed")
    sheet = Image.new("RGB", (width * len(chosen), (height + _CAPTION) * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        top = number * (height + _CAPTION)
        draw.text((4, top + 2), names[number % len(names)], fill="black", font=ImageFont.load_default(12))
        sheet.paste(Image.fromarray(row), (0, top + _CAPTION))
    sheet.save(path)


def _sheet(tiles: Sequence[tuple[str, npt.NDArray[np.uint8]]]) -> npt.NDArray[np.uint8]:
    columns = min(4, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * _TILE, rows * (_TILE + _CAPTION)), "white")
    draw = ImageDraw.Draw(sheet)
    names = [spelled(label) for label, _ in tiles]
    letters = font(13, texts=names)
    for number, (name, (_, frame)) in enumerate(zip(names, tiles, strict=True)):
        left, top = number % columns * _TILE, number // columns * (_TILE + _CAPTION)
        sheet.paste(Image.fromarray(frame).resize((_TILE, _TILE), Image.Resampling.NEAREST), (left, top + _CAPTION))
        draw.text((left + 4, top + 2), name, fill="black", font=letters)
    return np.asarray(sheet)
