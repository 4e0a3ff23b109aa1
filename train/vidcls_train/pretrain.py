"""Masked pretraining on unlabelled videos, to a checkpoint that a training begins with: config -> output."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import TrainerCallback, set_seed

from vidcls.contract import Image
from vidcls.files.run_status import mark_unfinished
from vidcls.progress import Track, untracked
from vidcls.versions import check_training
from vidcls_train.config.precision import check_precision
from vidcls_train.config.processes import process_rank
from vidcls_train.config.settings import PretrainConfig, pretrain_config, save_settings
from vidcls_train.data.clip_list import Clip, DataError
from vidcls_train.data.opening import open_clips
from vidcls_train.data.preparation import open_frame_cache
from vidcls_train.data.training_clips import training_clips
from vidcls_train.data.unlabelled import find_unlabelled
from vidcls_train.data.video import DecodedVideo
from vidcls_train.model.from_config import masked_starting_point
from vidcls_train.model.patch_embedding import is_zero_mean, whiten
from vidcls_train.model.window import window_notices, with_window
from vidcls_train.output.finished import finished_metrics
from vidcls_train.output.pretraining import write_pretraining
from vidcls_train.output.run_clips import check_same_clips, save_clips, unlabelled_run_clips
from vidcls_train.output.run_folder import check_output, check_resume
from vidcls_train.trainer.distributed import (
    by_first_process,
    join_processes,
    leave_processes,
    takes_gpu,
)
from vidcls_train.trainer.masked import MaskedTrainer

_LOG = logging.getLogger("vidcls.train")


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is known before a step is trained: the readable videos, and {"video", "message"} of the others.

    keys: {each readable video: what names its frames}. done: what metrics.json holds of a run to resume that is over.
    """

    videos: Sequence[DecodedVideo]
    keys: Mapping[Path, str]
    unreadable: list[dict[str, str]]
    done: dict[str, Any] | None = None


def pretrain(
    settings: Mapping[str, Any],
    *,
    on_epoch: Callable[[str], None] = _LOG.info,
    callbacks: Sequence[TrainerCallback] = (),
    track: Track = untracked,
) -> dict[str, Any] | None:
    """Pretrain on a folder, and write a checkpoint folder.

    Args:
        settings: by name, at least data and output; see `config.settings.pretrain_config`.
        on_epoch: takes a line after each epoch.
        callbacks: of the Trainer, in the first process.
        track: shows the progress of what comes before the epochs.

    Returns:
        What metrics.json holds; None but in the first process.

    Raises:
        DependencyError: this Python or this transformers is known not to work.
        DataError: there is no readable video.
        ModelError: the base checkpoint cannot be loaded.
        DeviceError: the device is not there.
        OutOfMemoryError: the model does not fit with this batch size.
        DivergedError: the loss is NaN or infinite.
        DamagedRunError: a file of the run to resume is damaged or missing.
        ValueError: a setting is wrong, settings do not fit together, or the output folder is taken.
    """
    check_training("pretraining")
    run = pretrain_config(settings).run
    join_processes(run.device)
    check_precision(run, on_gpu=takes_gpu(run.device))
    config = pretrain_config(by_first_process(lambda: with_window(settings)))
    plan = by_first_process(lambda: _plan(config, track))
    if plan.done is not None:
        leave_processes()
        return plan.done if process_rank() == 0 else None
    # Every process makes the same model, from its own copy of the base and the same seed.
    set_seed(config.run.seed)
    start = masked_starting_point(config)
    unlabelled = np.zeros((len(plan.videos), 0), np.float32)
    clips = training_clips(plan.videos, unlabelled, config, image=start.image, frames=start.frames, flip=True)
    if config.model.preset is not None and is_zero_mean(start.model):
        whiten(start.model.videomae, clips)
    trainer = MaskedTrainer(config, start.model, train=clips)
    seconds = trainer.fit(config, on_epoch=on_epoch, callbacks=callbacks)
    leave_processes()
    if process_rank() > 0:
        return None
    return write_pretraining(config, trainer, start, clips, plan.unreadable, seconds=seconds)


def _plan(config: PretrainConfig, track: Track) -> _Plan:
    check_output(config)
    start = masked_starting_point(config)
    for notice in (*start.notices, *window_notices(config)):
        _LOG.info(notice)
    if config.run.resume:
        check_resume(config)
        done = finished_metrics(config.run.output)
        if done is not None:
            return _Plan(videos=[], keys={}, unreadable=[], done=done)
    paths = find_unlabelled(config.data.data)
    plan = _opened(paths, start.image, cache_gb=config.data.cache_gb, track=track)
    if not plan.videos:
        raise DataError(f"{config.data.data}: not one of its {len(paths)} videos can be read")
    _begin(config, plan)
    if plan.unreadable:
        _LOG.info("%d videos cannot be read and are left out (metrics.json lists them)", len(plan.unreadable))
    return plan


def _begin(config: PretrainConfig, plan: _Plan) -> None:
    """Write what a run is known by into its folder, unless that has one of other videos."""
    output, clips = config.run.output, unlabelled_run_clips(config.data.data, plan.keys)
    check_same_clips(output, clips)
    output.mkdir(parents=True, exist_ok=True)
    mark_unfinished(output)
    save_settings(config)
    save_clips(output, clips)


def _opened(paths: Sequence[Path], image: Image, *, cache_gb: float, track: Track) -> _Plan:
    cache = open_frame_cache(image, cache_gb=cache_gb)
    unlabelled = [Clip(path=path, labels=(), group=str(path)) for path in paths]
    opened = open_clips(unlabelled, lambda video: cache.add(video.path), label="decoding", track=track)
    cache.tell_left_out(opened.values)
    videos = [DecodedVideo(clip.path, known, cache) for clip, known in zip(opened.clips, opened.values, strict=True)]
    keys = {clip.path: known.key for clip, known in zip(opened.clips, opened.values, strict=True)}
    return _Plan(videos=videos, keys=keys, unreadable=opened.unreadable)
