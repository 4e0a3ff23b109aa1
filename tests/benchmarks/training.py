"""Where a training step's time goes: decoding, augmenting, computing; with clips decoded anew and with them kept.

python tests/benchmarks/training.py DATA_DIR [--preset tiny] [--clips 32] [--device cpu]

DATA_DIR holds videos at any depth. Figures are milliseconds per clip, in this process alone, and what they make per
second; loader processes (--workers) share the first two among them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch

from vidcls.preprocessing import normalise
from vidcls.video.folders import list_videos
from vidcls_train.config.groups import DEFAULT_CLIP_SECONDS, STORED_SCALE
from vidcls_train.config.recipes import PRESETS
from vidcls_train.data.augmentation import PairMixing, training_transform
from vidcls_train.data.collate import Collate
from vidcls_train.data.datasets import ClipDataset
from vidcls_train.data.frame_cache import FrameCache
from vidcls_train.data.masks import patch_dropout_mask
from vidcls_train.data.video import DecodedVideo
from vidcls_train.model.drop_path import branches_per_layer
from vidcls_train.model.families import token_count
from vidcls_train.model.patch_dropout import PatchDropout
from vidcls_train.model.presets import from_preset
from vidcls_train.trainer.param_groups import make_optimizer

LABELS = tuple("abcdefgh")


def milliseconds(work: Callable[[int], object], count: int) -> float:
    """Median time of `work` over indices 0 to count - 1, after one that is not counted."""
    work(0)
    times = []
    for index in range(count):
        started = time.perf_counter()
        work(index)
        times.append((time.perf_counter() - started) * 1000)
    return float(np.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--preset", choices=list(PRESETS), default="tiny")
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    preset = PRESETS[given.preset]
    recipe = preset.recipe
    start = from_preset(preset, LABELS, frames=None, image_size=None, resize=None)
    model = start.model.train().to(given.device)
    paths = list_videos(given.data)[: given.clips]
    batch_size = min(recipe.optimization.batch_size, len(paths))
    seconds = DEFAULT_CLIP_SECONDS
    transform = training_transform(start.image, recipe.augmentation, frames=start.frames, flip=True)
    rates = {name: getattr(recipe.optimization, name) for name in ("learning_rate", "layer_decay", "weight_decay")}
    optimizer = make_optimizer(model, recipe.optimization.optimizer, betas=(0.9, 0.999), **rates)
    patch_dropout = PatchDropout(model)
    collate = Collate(
        PairMixing(mixup=recipe.regularization.mixup, cutmix=recipe.regularization.cutmix),
        branches=branches_per_layer(model) * preset.layers,
        hide=partial(patch_dropout_mask, token_count(model.config), recipe.regularization.patch_dropout),
        seed=0,
    )

    def step(batch: dict[str, torch.Tensor]) -> None:
        on_device = {name: value.to(given.device) for name, value in batch.items()}
        patch_dropout.hide(on_device["hidden"])
        logits = model(pixel_values=on_device["pixel_values"]).logits
        torch.nn.functional.cross_entropy(logits, on_device["targets"]).backward()
        optimizer.step()
        optimizer.zero_grad()
        if given.device == "cuda":
            torch.cuda.synchronize()

    with tempfile.TemporaryDirectory() as folder:
        rows = {}
        for name, limit in (("decoded anew", 0), ("kept", 10**12)):
            cache = FrameCache(Path(folder), short_side=round(start.image.crop_size * STORED_SCALE), limit_bytes=limit)
            started = time.perf_counter()
            cached = [cache.add(path) for path in paths]
            first = (time.perf_counter() - started) * 1000 / len(paths)
            videos = [DecodedVideo(path, known, cache) for path, known in zip(paths, cached, strict=True)]
            clips = ClipDataset(
                videos,
                np.eye(len(LABELS), dtype=np.float32)[[0] * len(videos)],
                image=start.image,
                clip_seconds=seconds,
                transform=transform,
                seed=0,
            )
            windows = [video.get_clip(0.0, seconds)["video"] for video in videos]
            rows[name] = {
                "first look": first,
                "decode": milliseconds(
                    lambda index, videos=videos: videos[index].get_clip(0.0, seconds),  # type: ignore[misc]
                    len(videos),
                ),
                "augment": milliseconds(
                    lambda index, windows=windows: normalise(  # type: ignore[misc]
                        transform(windows[index]).permute(1, 2, 3, 0).contiguous().numpy(), start.image
                    ),
                    len(videos),
                ),
            }
        batch = collate([clips[0, index] for index in range(batch_size)])
        compute = milliseconds(lambda _: step(batch), 8) / batch_size
    size = f"{start.frames} frames of {start.image.crop_size} px, batches of {batch_size}, {given.device}"
    click.echo(f"{given.preset}: {size}, {torch.get_num_threads()} threads")
    click.echo(f"{'':14}{'first look':>12}{'decode':>9}{'augment':>9}{'step':>9}   clips/s")
    for name, row in rows.items():
        rate = 1000 / (row["decode"] + row["augment"] + compute)
        click.echo(
            f"{name:14}{row['first look']:9.1f} ms{row['decode']:6.1f} ms{row['augment']:6.1f} ms{compute:6.1f} ms"
            f"{rate:10.1f}"
        )


if __name__ == "__main__":
    main()
