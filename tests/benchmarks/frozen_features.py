"""What frozen features of clips are worth: how many of them a linear head gets right, over folds by footage.

    python tests/benchmarks/frozen_features.py FOLDS CHECKPOINT...

FOLDS holds fold-0.csv and so on as held_out.py writes them; a CHECKPOINT is a VideoMAE of 8 frames of 112 pixels.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from transformers import VideoMAEModel

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.picture_teacher import HEAD_C, picture_contract
from vidcls.clips import read_clips
from vidcls_train.model.image_section import IMAGENET_MEAN, IMAGENET_STD

FRAMES, SIZE, PATCH = 8, 112, 16  # of clips as they are judged


@click.command()
@click.argument("folds", type=click.Path(path_type=Path, exists=True))
@click.argument("checkpoints", nargs=-1, type=click.Path(path_type=Path, exists=True))
def main(folds: Path, checkpoints: tuple[Path, ...]) -> None:
    """Print the top-1 of each of CHECKPOINTS, frozen."""
    judge = Judge(folds, folds / "judged.npy")
    click.echo(f"colours of patches alone: {judge.top_1(colours(judge.frames)):.3f}")
    for folder in checkpoints:
        encoder = VideoMAEModel.from_pretrained(folder).eval()
        click.echo(f"{folder}: {judge.top_1(judge.tokens(encoder).numpy()):.3f}")


class Judge:
    """Frozen features of clips that nothing has learnt from, and how many of them a linear head gets right."""

    def __init__(self, folds: Path, cache: Path) -> None:
        tables = [list(csv.DictReader(path.open(encoding="utf-8"))) for path in sorted(folds.glob("fold-*.csv"))]
        paths = sorted({row["path"] for row in tables[0]})
        if not cache.exists():
            contract = picture_contract(("a", "b"), frames=FRAMES, image_size=SIZE)
            np.save(cache, np.stack([read_clips(path, contract).frames[0] for path in paths]))
        self.frames = torch.from_numpy(np.load(cache))
        self._numbers = {path: number for number, path in enumerate(paths)}
        self._tables = tables

    @torch.no_grad()
    def tokens(self, encoder: Any) -> torch.Tensor:
        """Their mean of each clip, [n, width]."""
        return torch.cat([encoder(pixels(part)).last_hidden_state.mean(dim=1) for part in self.frames.split(16)])

    @torch.no_grad()
    def of(self, student: Any) -> str:
        """Top-1 of the tokens' mean, and of the mean of what they are mapped onto."""
        tokens = self.tokens(student.videomae)
        return f"{self.top_1(tokens.numpy()):.3f} (mapped {self.top_1(student.classifier(tokens).numpy()):.3f})"

    def top_1(self, features: np.ndarray) -> float:
        """Over the test clips of all folds."""
        return float(np.mean([right for table in self._tables for right in self._right(features, table)]))

    def _right(self, features: np.ndarray, table: list[dict[str, str]]) -> Iterator[bool]:
        train, test = ([row for row in table if (row["split"] == "test") == test] for test in (False, True))
        fit, other = (features[[self._numbers[row["path"]] for row in rows]] for rows in (train, test))
        scaler = StandardScaler().fit(fit)
        head = LogisticRegression(C=HEAD_C, max_iter=2000).fit(scaler.transform(fit), [row["label"] for row in train])
        for row, said in zip(test, head.predict(scaler.transform(other)), strict=True):
            yield row["label"] == said


def colours(frames: torch.Tensor) -> np.ndarray:
    """Mean colour of each of 7 x 7 patches over a clip, [n, 147]."""
    means = pixels(frames).mean(dim=1).unflatten(2, (-1, PATCH)).unflatten(4, (-1, PATCH)).mean(dim=(3, 5))
    return means.flatten(1).numpy()


def pixels(frames: torch.Tensor) -> torch.Tensor:
    """uint8 [n, T, H, W, 3] to float32 [n, T, 3, H, W], as VideoMAE takes it."""
    mean, std = (torch.tensor(values) * 255 for values in (IMAGENET_MEAN, IMAGENET_STD))
    return ((frames - mean) / std).permute(0, 1, 4, 2, 3).contiguous()


if __name__ == "__main__":
    main()
