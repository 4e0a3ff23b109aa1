"""One training run, from DATA to a checkpoint folder, in one straight line."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import set_seed

import vidcls
from vidcls.cli import terminal
from vidcls.contract import FORMAT, Contract, Sampling, Source
from vidcls.progress import Track, untracked
from vidcls_train.audit.check import DataCheck, check_clips
from vidcls_train.audit.findings import refuse_worthless
from vidcls_train.audit.report import write_data_report
from vidcls_train.config.settings import PRESETS, Recipe, Settings, fine_tuning_recipe, given, pretraining_settings
from vidcls_train.data.augmentation import training_transform
from vidcls_train.data.clip_list import Clip
from vidcls_train.data.datasets import ClipDataset, ViewDataset
from vidcls_train.data.directional_labels import directional_labels
from vidcls_train.data.preparation import PreparedClips, prepare
from vidcls_train.data.sources import find_clips
from vidcls_train.model.patch_embedding import is_zero_mean, whiten
from vidcls_train.model.presets import from_preset
from vidcls_train.model.pretrained import adopt_encoder, freeze_encoder, from_base
from vidcls_train.model.starting_point import StartingPoint
from vidcls_train.output.checkpoint import METRICS_FILE, write_results, write_weights
from vidcls_train.output.hub import check_push, push
from vidcls_train.output.metrics import measure
from vidcls_train.output.pictures import write_samples
from vidcls_train.output.run_folder import (
    STEPS_FOLDER,
    check_device,
    check_output,
    check_resume,
    last_step,
    named_memory_errors,
)
from vidcls_train.pretrain import pretrain_on
from vidcls_train.trainer.distributed import by_first_process, join_processes, leave_processes, process_rank, share_out
from vidcls_train.trainer.trainer import DivergedError, make_trainer
from vidcls_train.trainer.workers import share_processor

# A checkpoint of its own, which other trainings may begin with.
_PRETRAINING_FOLDER = "pretraining"

# The files of DATA, if it is an archive.
_UNPACKED_FOLDER = "data"

_SAMPLES_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is known before a step is trained: complete settings, and the readable clips."""

    settings: Settings
    contract: Contract
    flip: bool
    checked: DataCheck
    prepared: PreparedClips


def train(settings: Settings, *, track: Track = untracked) -> dict[str, Any] | None:
    """Train, evaluate, and write a checkpoint folder; returns what metrics.json holds.

    Where several processes share the run, the first one does all but the training itself; the others
    return None, if torchrun or accelerate started them.

    Raises:
        DataError: DATA cannot be trained on.
        ModelError: the base checkpoint cannot be loaded.
        DeviceError: the device is not there.
        HubError: the hub does not take a push.
        OutOfMemoryError: the model does not fit with this batch size.
        DivergedError: the loss is no number any more.
        LostProcessError: one of several processes was ended from outside.
        ValueError: the settings do not fit together, or the output folder is taken.
    """
    check_device(settings.device)
    join_processes(settings.device)
    plan = by_first_process(lambda: _plan(settings, track))
    processes = given(plan.settings.processes)
    if processes == 1:
        return _carry_out(plan, track=track)
    share_out(partial(_carry_out, track=track), plan, processes=processes)
    metrics: dict[str, Any] = json.loads((settings.output / METRICS_FILE).read_text(encoding="utf-8"))
    return metrics


def _carry_out(plan: _Plan, *, track: Track) -> dict[str, Any] | None:
    settings, contract, prepared = plan.settings, plan.contract, plan.prepared
    pretraining = _pretraining(settings, contract, prepared, flip=plan.flip)
    # Every process makes the same model, from its own copy of the base and the same seed.
    set_seed(settings.seed)
    model = _starting_point(settings, contract.labels).model
    clips = ClipDataset(
        prepared.train_videos,
        _class_ids(prepared.train, contract),
        image=contract.image,
        clip_seconds=contract.sampling.clip_seconds,
        transform=training_transform(contract.image, settings, frames=contract.sampling.frames, flip=plan.flip),
        seed=settings.seed,
    )
    if pretraining is not None:
        adopt_encoder(model, settings.output / _PRETRAINING_FOLDER)
    elif settings.preset is not None and is_zero_mean(model):
        whiten(model.videomae, clips)
    if settings.head_only:
        freeze_encoder(model)
    output = settings.output
    first = process_rank() == 0
    if first:
        _write_samples(clips, prepared.train, contract, output / "samples.gif")
    trainer = make_trainer(
        settings,
        model,
        train=clips,
        val=ViewDataset(prepared.val_views, _class_ids(prepared.val, contract), contract),
        class_weights=_class_weights(settings, prepared.train, contract.labels),
        folder=output / STEPS_FOLDER,
    )
    started = time.perf_counter()
    with named_memory_errors(batch_size=trainer.sampler.batch_length(0), accumulate=settings.accumulate):
        trainer.train(resume_from_checkpoint=by_first_process(lambda: last_step(output)) if settings.resume else None)
    seconds = time.perf_counter() - started
    leave_processes()
    if not first:
        return None
    trainer.keep_best()
    # Before anything is scored or drawn: nothing that goes wrong from here on may cost the training.
    contract = write_weights(output, trainer, contract, prepared)
    results = measure(trainer, prepared, contract, plan.checked, pretraining, seconds=seconds, track=track)
    write_results(output, trainer, contract, results)
    if settings.push_to_hub:
        push(output, settings.push_to_hub)
    return results.metrics


def _plan(settings: Settings, track: Track) -> _Plan:
    output = settings.output
    check_output(settings)
    if settings.push_to_hub:
        check_push(settings.push_to_hub)
    with _discarded_on_failure(output / _UNPACKED_FOLDER):
        found = find_clips(settings.data, unpack_to=output / _UNPACKED_FOLDER)
        start = _starting_point(settings, found.labels)
        for notice in start.notices:
            terminal.note(notice)
        settings = settings.completed(_recipe(settings, start))
        if settings.resume:
            check_resume(settings)
        contract = _draft_contract(settings, found.labels, start)
        flip = _flip(settings, found.labels)
        checked = check_clips(
            found,
            val_fraction=settings.val_fraction,
            seed=settings.seed,
            clip_seconds=settings.clip_seconds,
            track=track,
        )
        refuse_worthless(checked.report, allow_duplicates=settings.allow_duplicates)
        output.mkdir(parents=True, exist_ok=True)
        settings.save(output)
    for finding in checked.report.findings:
        if finding.level != "note":
            terminal.note(f"{finding.level}: {finding.what}")
    write_data_report(checked.report, output)
    views_folder = output / STEPS_FOLDER / "val"
    prepared = prepare(checked.splits, contract, views_folder=views_folder, cache_gb=settings.cache_gb, track=track)
    settings = share_processor(settings, width=start.model.config.hidden_size, clips=len(prepared.train))
    return _Plan(settings=settings, contract=contract, flip=flip, checked=checked, prepared=prepared)


def _pretraining(
    settings: Settings, contract: Contract, prepared: PreparedClips, *, flip: bool
) -> dict[str, Any] | None:
    """Pretrain on the training clips, where the settings ask for it; returns the figures.

    A resumed run whose pretraining was finished comes through here with nothing left to do.
    """
    if not settings.pretraining_epochs:
        return None
    own = pretraining_settings(settings, folder=settings.output / _PRETRAINING_FOLDER)
    try:
        return pretrain_on(prepared.train_videos, own, image=contract.image, flip=flip)
    except DivergedError as error:
        raise DivergedError(
            "pretraining on the training clips has led to a loss that is no number any more; start again with "
            "--pretraining-epochs 0"
        ) from error


def _recipe(settings: Settings, start: StartingPoint) -> Recipe:
    if settings.preset is not None:
        return PRESETS[settings.preset].recipe
    return fine_tuning_recipe(layers=start.model.config.num_hidden_layers, head_only=settings.head_only)


def _class_weights(settings: Settings, clips: Sequence[Clip], labels: Sequence[str]) -> list[float]:
    """What the clips of each label count for: 1, or the less the more of them there are, and 1 on average."""
    counts = Counter(clip.label for clip in clips)
    if settings.class_weights == "none":
        return [1.0] * len(labels)
    return [len(clips) / (len(counts) * counts[label]) if counts[label] else 1.0 for label in labels]


def _class_ids(clips: Sequence[Clip], contract: Contract) -> list[int]:
    return [contract.labels.index(clip.label) for clip in clips]


@contextmanager
def _discarded_on_failure(folder: Path) -> Iterator[None]:
    """Remove `folder` if it is made here and what follows fails: the next try is to find its output folder free."""
    existed = folder.exists()
    try:
        yield
    except BaseException:
        if not existed:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # not empty, or not there
                folder.parent.rmdir()
        raise


def _starting_point(settings: Settings, labels: tuple[str, ...]) -> StartingPoint:
    options = {"frames": settings.frames, "image_size": settings.image_size, "resize": settings.resize}
    if settings.base is not None:
        start = from_base(settings.base, labels, **options)  # type: ignore[arg-type]
    else:
        preset = PRESETS[str(settings.preset)]
        start = from_preset(preset, labels, patch_levels=settings.patch_levels, **options)  # type: ignore[arg-type]
    return start


def _draft_contract(settings: Settings, labels: tuple[str, ...], start: StartingPoint) -> Contract:
    """The contract as far as it is known before training; hash, counts and accuracy come after it."""
    return Contract(
        format=FORMAT,
        labels=labels,
        sampling=Sampling(rule="uniform", frames=start.frames, clip_seconds=settings.clip_seconds),
        image=start.image,
        source=Source(
            architecture=type(start.model).__name__,
            base=start.base,
            base_license=start.base_license,
            checkpoint_sha256="0" * 64,
            data=None,
            versions={
                "vidcls": vidcls.__version__,
                "torch": torch.__version__,
                "transformers": transformers.__version__,
            },
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        ),
        accuracy=None,
    )


def _flip(settings: Settings, labels: tuple[str, ...]) -> bool:
    if settings.flip != "auto":
        return settings.flip == "on"
    directional = directional_labels(labels)
    if directional:
        terminal.note(
            f"no horizontal flips: the label '{directional[0]}' speaks of a direction (--flip on flips all the same)"
        )
    return not directional


def _write_samples(dataset: ClipDataset, clips: Sequence[Clip], contract: Contract, path: Path) -> None:
    """Show clips as the first epoch trains on them, of as many labels as fit."""
    order = np.random.default_rng(0).permutation(len(clips))
    first_of_label = {clips[index].label: int(index) for index in reversed(order)}
    chosen = [*first_of_label.values(), *(int(index) for index in order if index not in first_of_label.values())]
    samples = [(clips[index].label, dataset.frames(0, index)) for index in chosen[:_SAMPLES_SHOWN]]
    write_samples(samples, path, seconds=contract.sampling.clip_seconds)
