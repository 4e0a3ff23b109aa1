"""Masked pretraining on unlabelled videos, to a checkpoint that a training begins with."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import ModelCardData
from matplotlib.figure import Figure
from transformers import set_seed

from vidcls.cli import terminal
from vidcls.contract import Image
from vidcls.progress import Track, untracked
from vidcls.video.folders import list_videos
from vidcls_train.config.settings import PRESETS, PretrainSettings, Settings, given
from vidcls_train.data.augmentation import training_transform
from vidcls_train.data.clip_list import Clip, DataError
from vidcls_train.data.collate import CollateMasked
from vidcls_train.data.datasets import ClipDataset
from vidcls_train.data.masks import tube_mask
from vidcls_train.data.opening import open_clips
from vidcls_train.data.preparation import open_frame_cache
from vidcls_train.data.rng import seeded_rng
from vidcls_train.data.video import DecodedVideo
from vidcls_train.model.image_section import image_processor
from vidcls_train.model.patch_embedding import is_zero_mean, whiten
from vidcls_train.model.presets import masked_from_preset
from vidcls_train.model.pretrained import masked_from_base
from vidcls_train.model.reconstruction import reconstruct
from vidcls_train.model.starting_point import PretrainingPoint
from vidcls_train.output.pictures import write_reconstructions
from vidcls_train.output.run_folder import (
    STEPS_FOLDER,
    check_device,
    check_output,
    check_resume,
    last_step,
    named_memory_errors,
)
from vidcls_train.trainer.distributed import by_first_process, join_processes, leave_processes, process_rank, share_out
from vidcls_train.trainer.trainer import VideoTrainer, add_progress
from vidcls_train.trainer.workers import share_processor

_METRICS_FILE = "metrics.json"
_SHOWN_CLIPS = 3


@dataclass(frozen=True, kw_only=True)
class _Task:
    """What is known before a step is trained: complete settings, and the readable videos."""

    settings: PretrainSettings
    image: Image
    videos: Sequence[DecodedVideo]
    unreadable: list[dict[str, str]]
    flip: bool


class _MaskedTrainer(VideoTrainer):
    """The mean squared error of what was hidden, as VideoMAE computes it."""

    betas = (0.9, 0.95)  # the paper's for pretraining
    epochs_of = "pretraining "

    def compute_loss(self, model: Any, inputs: dict[str, torch.Tensor], **_: Any) -> torch.Tensor:
        """A part of the batch's loss, to be summed up."""
        loss: torch.Tensor = model(**inputs).loss
        return loss * len(inputs["pixel_values"]) * self.part_of_batch()


def pretrain(settings: PretrainSettings, *, track: Track = untracked) -> dict[str, Any] | None:
    """Pretrain on a folder, and write a checkpoint folder.

    Returns:
        What metrics.json holds; None but in the first process.

    Raises:
        DataError: there is no readable video.
        ModelError: the base checkpoint cannot be loaded.
        DeviceError: the device is not there.
        OutOfMemoryError: the model does not fit with this batch size.
        DivergedError: the loss is no number any more.
        LostProcessError: one of several processes was ended from outside.
        ValueError: the settings do not fit together, or the output folder is taken.
    """
    check_device(settings.device)
    join_processes(settings.device)
    settings = settings.completed()
    task = by_first_process(lambda: _task(settings, track))
    processes = given(task.settings.processes)
    if processes == 1:
        return _carry_out(task)
    share_out(_carry_out, task, processes=processes)
    metrics: dict[str, Any] = json.loads((settings.output / _METRICS_FILE).read_text(encoding="utf-8"))
    return metrics


def pretrain_on(
    videos: Sequence[DecodedVideo], settings: PretrainSettings, *, image: Image, flip: bool
) -> dict[str, Any]:
    """Pretrain on videos that are open already, as a part of a training, all of whose processes call this.

    Args:
        videos: what `settings.data` stands for.
        settings: complete ones; the output folder may be there.
        image: how the training looks at pictures.
        flip: mirror clips at random.

    Returns:
        What metrics.json in the output folder holds, where the checkpoint now lies.

    Raises:
        ModelError: the base checkpoint cannot be loaded, or not be pretrained further.
        OutOfMemoryError: the model does not fit with this batch size.
        DivergedError: the loss is no number any more.
    """
    by_first_process(lambda: _begin(settings))
    return _pretrained(_Task(settings=settings, image=image, videos=videos, unreadable=[], flip=flip))


def _carry_out(task: _Task) -> dict[str, Any] | None:
    metrics = _pretrained(task)
    leave_processes()
    return metrics if process_rank() == 0 else None


def _pretrained(task: _Task) -> dict[str, Any]:
    settings, videos = task.settings, task.videos
    # Every process makes the same model, from its own copy of the base and the same seed.
    set_seed(settings.seed)
    start = dataclasses.replace(_starting_point(settings), image=task.image)
    clips = ClipDataset(
        videos,
        [0] * len(videos),
        image=start.image,
        clip_seconds=settings.clip_seconds,
        transform=training_transform(start.image, _crops_alone(settings), frames=start.frames, flip=task.flip),
        seed=settings.seed,
    )
    if settings.preset is not None and is_zero_mean(start.model):
        whiten(start.model.videomae, clips)
    output = settings.output
    trainer = _MaskedTrainer(
        settings,
        start.model,
        folder=output / STEPS_FOLDER,
        collate=CollateMasked(start.model.config, ratio=given(settings.mask_ratio), seed=settings.seed),
        train_dataset=clips,
    )
    add_progress(trainer)
    started = time.perf_counter()
    with named_memory_errors(batch_size=trainer.sampler.batch_length(0), accumulate=settings.accumulate):
        trainer.train(resume_from_checkpoint=by_first_process(lambda: last_step(output)) if settings.resume else None)
    seconds = time.perf_counter() - started
    return by_first_process(lambda: _write_results(task, start, trainer, clips, seconds=seconds))


def _starting_point(settings: PretrainSettings) -> PretrainingPoint:
    if settings.base is not None:
        return masked_from_base(settings.base, frames=settings.frames, image_size=settings.image_size)
    return masked_from_preset(
        PRESETS[str(settings.preset)],
        frames=settings.frames,
        image_size=settings.image_size,
        patch_levels=settings.patch_levels,
    )


def _begin(settings: PretrainSettings) -> None:
    settings.output.mkdir(parents=True, exist_ok=True)
    settings.save(settings.output)


def _task(settings: PretrainSettings, track: Track) -> _Task:
    start = _starting_point(settings)
    check_output(settings)
    if settings.resume:
        check_resume(settings)
    folder = Path(settings.data)
    if not folder.is_dir():
        raise DataError(f"{folder}: is not a folder; name one with videos in it, at any depth")
    paths = list_videos(folder)
    if not paths:
        raise DataError(f"{folder}: holds no videos, at any depth")
    _begin(settings)
    cache = open_frame_cache(start.image, cache_gb=settings.cache_gb)
    unlabelled = [Clip(path=path, label="", group=str(path)) for path in paths]
    opened = open_clips(unlabelled, cache.add, label="decoding", track=track)
    if not opened.clips:
        raise DataError(f"{folder}: not one of its {len(paths)} videos can be read")
    if opened.unreadable:
        terminal.note(f"{len(opened.unreadable)} videos cannot be read and are left out (metrics.json lists them)")
    videos = [DecodedVideo(clip.path, cached, cache) for clip, cached in zip(opened.clips, opened.values, strict=True)]
    settings = share_processor(settings, width=start.model.config.hidden_size, clips=len(videos))
    return _Task(settings=settings, image=start.image, videos=videos, unreadable=opened.unreadable, flip=True)


def _crops_alone(settings: PretrainSettings) -> Settings:
    """Clips are cropped and mirrored, and their colours left as they are: what is hidden varies enough."""
    return Settings(data=settings.data, output=settings.output, crop_area=settings.crop_area, colour_jitter=0.0)


def _write_results(
    task: _Task, start: PretrainingPoint, trainer: VideoTrainer, clips: ClipDataset, *, seconds: float
) -> dict[str, Any]:
    settings = task.settings
    trainer.keep_best()
    output, model = settings.output, trainer.model
    model.save_pretrained(output)
    image_processor(start.image).save_pretrained(output)
    losses = [(row["epoch"], row["loss"]) for row in trainer.state.log_history if "loss" in row]
    metrics: dict[str, Any] = {
        "videos": len(clips),
        "unreadable": task.unreadable,
        "epochs": trainer.state.epoch,
        "steps": trainer.state.global_step,
        "seconds": seconds,
        "first_loss": losses[0][1],
        "last_loss": losses[-1][1],
        "history": trainer.state.log_history,
    }
    (output / _METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    (output / "README.md").write_text(_card(settings, start, metrics), encoding="utf-8")
    _write_curve(losses, output / "curve.png")
    shown = np.random.default_rng(0).permutation(len(clips))[:_SHOWN_CLIPS]
    blocks = []
    for index in shown:
        frames = clips.frames(0, int(index))
        with seeded_rng(settings.seed, int(index)):
            mask = tube_mask(model.config, given(settings.mask_ratio))
        blocks.append((frames, *reconstruct(model, frames, mask, start.image)))
    write_reconstructions(blocks, output / "reconstruction.png")
    return metrics


def _write_curve(losses: Sequence[tuple[float, float]], path: Path) -> None:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*losses, strict=True))
    axes.set(xlabel="epoch", ylabel="error of hidden patches (1: their mean)")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def _card(settings: PretrainSettings, start: PretrainingPoint, metrics: dict[str, Any]) -> str:
    """A model card: where the weights come from, which `vidcls-train --base` hands on."""
    metadata = ModelCardData(
        library_name="transformers",
        license=start.base_license,
        base_model=start.base if start.base and "/" in start.base else None,
        tags=["videomae", "vidcls"],
    )
    origin = f"from `{start.base}`" if start.base else "from random weights"
    return "\n".join(
        [
            "---",
            metadata.to_yaml(),
            "---",
            "",
            f"# {settings.output.name}",
            "",
            f"A VideoMAE encoder, pretrained {origin} on {metrics['videos']} unlabelled videos: "
            f"{settings.mask_ratio:.0%} of each clip's patches were hidden, and the model learnt to draw them. "
            f"The error of the hidden patches went from {metrics['first_loss']:.3f} to {metrics['last_loss']:.3f} in "
            f"{metrics['epochs']:.0f} epochs (1 is what the patches' mean would give).",
            "",
            "![original, masked and reconstructed frames](reconstruction.png)",
            "",
            "What is learnt is each patch's pattern; in the picture its mean and contrast are the clip's own.",
            "",
            "Fine-tune it with",
            "",
            f"    vidcls-train DATA -o CHECKPOINT --base {settings.output.name}",
            "",
        ]
    )
