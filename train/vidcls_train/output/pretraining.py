"""What masked pretraining leaves behind: a checkpoint, its figures, and pictures of what the model learnt to draw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from huggingface_hub import ModelCardData
from matplotlib.figure import Figure
from transformers import Trainer

from vidcls.files.atomic import whole_files, write_whole
from vidcls.files.run_status import METRICS_FILE
from vidcls_train.config.settings import PretrainConfig
from vidcls_train.data.datasets import ClipDataset
from vidcls_train.data.masks import tube_mask
from vidcls_train.data.rng import seeded_rng
from vidcls_train.model.image_processor import image_processor
from vidcls_train.model.origin import write_origin
from vidcls_train.model.reconstruction import reconstruct
from vidcls_train.model.starting_point import PretrainingPoint
from vidcls_train.output.finished import complete
from vidcls_train.output.history import history_fields
from vidcls_train.output.pictures import write_reconstructions

_SHOWN_CLIPS = 3


def write_pretraining(
    config: PretrainConfig,
    trainer: Trainer,
    start: PretrainingPoint,
    clips: ClipDataset,
    unreadable: Sequence[dict[str, str]],
    *,
    seconds: float,
) -> dict[str, Any]:
    """Write the checkpoint, model card and pictures; returns what metrics.json holds.

    unreadable: {"video", "message"} of each video left out. seconds: that the training took.
    """
    trainer.keep_best()
    output = config.run.output
    with whole_files(output) as scratch:
        trainer.model.save_pretrained(scratch)
        image_processor(start.image).save_pretrained(scratch)
    if start.origin.name is not None:
        write_origin(output, start.origin)
    losses = [(row["epoch"], row["loss"]) for row in trainer.state.log_history if "loss" in row]
    metrics: dict[str, Any] = {
        "videos": len(clips),
        "unreadable": unreadable,
        "epochs": trainer.state.epoch,
        "steps": trainer.state.global_step,
        "seconds": seconds,
        "first_loss": losses[0][1],
        "last_loss": losses[-1][1],
        "history": history_fields(trainer.state.log_history),
    }
    write_whole(output / METRICS_FILE, (json.dumps(metrics, indent=1) + "\n").encode())
    (output / "README.md").write_text(_card(config, start, metrics), encoding="utf-8")
    _write_curve(losses, output / "curve.png")
    _write_clips(config, trainer.model, start, clips, output / "reconstruction.png")
    complete(config)
    return metrics


def _write_clips(config: PretrainConfig, model: Any, start: PretrainingPoint, clips: ClipDataset, path: Path) -> None:
    blocks = []
    for index in np.random.default_rng(0).permutation(len(clips))[:_SHOWN_CLIPS]:
        frames = clips.frames(0, int(index))
        with seeded_rng(config.run.seed, int(index)):
            mask = tube_mask(model.config, config.masking.mask_ratio)
        blocks.append((frames, *reconstruct(model, frames, mask, start.image)))
    write_reconstructions(blocks, path)


def _write_curve(losses: Sequence[tuple[float, float]], path: Path) -> None:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*losses, strict=True))
    axes.set(xlabel="epoch", ylabel="error of hidden patches (1: their mean)")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def _card(config: PretrainConfig, start: PretrainingPoint, metrics: dict[str, Any]) -> str:
    """A model card: where the weights come from, which `vidcls-train --base` hands on."""
    metadata = ModelCardData(
        library_name="transformers",
        license=start.origin.licence,
        base_model=start.origin.name if start.origin.name and "/" in start.origin.name else None,
        tags=["videomae", "vidcls"],
    )
    origin = f"from `{start.origin.name}`" if start.origin.name else "from random weights"
    name = config.run.output.name
    return "\n".join(
        [
            "---",
            metadata.to_yaml(),
            "---",
            "",
            f"# {name}",
            "",
            f"A VideoMAE encoder, pretrained {origin} on {metrics['videos']} unlabelled videos: "
            f"{config.masking.mask_ratio:.0%} of each clip's patches were hidden, and the model learnt to draw them. "
            f"The error of the hidden patches went from {metrics['first_loss']:.3f} to {metrics['last_loss']:.3f} in "
            f"{metrics['epochs']:.0f} epochs (1 is what the patches' mean would give).",
            "",
            "![original, masked and reconstructed frames](reconstruction.png)",
            "",
            "What is learnt is each patch's pattern; in the picture its mean and contrast are the clip's own.",
            "",
            "Fine-tune it with",
            "",
            f"    vidcls-train DATA -o CHECKPOINT --base {name}",
            "",
        ]
    )
