"""One training run, from DATA to a checkpoint folder, in one straight line."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import set_seed

import vidcls
from vidcls import terminal
from vidcls.contract import FORMAT, Contract, Sampling, Source
from vidcls.errors import DeviceError
from vidcls_train.augmentation import directional_labels, training_transform
from vidcls_train.data import Clip, find_splits
from vidcls_train.datasets import ClipDataset, ViewDataset
from vidcls_train.hub import check_push, push
from vidcls_train.model import StartingPoint, from_base, from_preset
from vidcls_train.pictures import write_samples
from vidcls_train.preparation import prepare
from vidcls_train.results import measure, write_results, write_weights
from vidcls_train.settings import PRESETS, SETTINGS_FILE, Settings
from vidcls_train.trainer import make_trainer

# What may differ when a run goes on: where and how fast it runs, not what it computes.
_FREE_ON_RESUME = {"output", "device", "workers", "cache_gb", "resume", "push_to_hub"}

# The Trainer's own checkpoints, for --resume; the finished checkpoint lies beside this folder.
_STEPS_FOLDER = "checkpoints"
_WRITTEN_LAST = "trainer_state.json"  # of a step's files

# The files of DATA, if it is an archive.
_UNPACKED_FOLDER = "data"

_SAMPLES_SHOWN = 8


def train(settings: Settings) -> dict[str, Any]:
    """Train, evaluate, and write a checkpoint folder; returns what metrics.json holds.

    Raises:
        DataError: DATA cannot be trained on.
        ModelError: the base checkpoint cannot be loaded.
        DeviceError: the device is not there.
        HubError: the hub does not take a push.
        ValueError: the settings do not fit together, or the output folder is taken.
    """
    output = settings.output
    _check_output(settings)
    _check_device(settings)
    if settings.push_to_hub:
        check_push(settings.push_to_hub)
    with _discarded_on_failure(output / _UNPACKED_FOLDER):
        splits = find_splits(
            settings.data, unpack_to=output / _UNPACKED_FOLDER, val_fraction=settings.val_fraction, seed=settings.seed
        )
        set_seed(settings.seed)
        start = _starting_point(settings, splits.labels)
        contract = _draft_contract(settings, splits.labels, start)
        flip = _flip(settings, splits.labels)
        output.mkdir(parents=True, exist_ok=True)
        settings.save(output)
    prepared = prepare(splits, contract, views_folder=output / _STEPS_FOLDER / "val", cache_gb=settings.cache_gb)
    clips = ClipDataset(
        prepared.train_videos,
        _class_ids(prepared.train, contract),
        contract,
        transform=training_transform(contract, flip=flip, colour_jitter=settings.colour_jitter),
        seed=settings.seed,
    )
    _write_samples(clips, prepared.train, contract, output / "samples.gif")
    trainer = make_trainer(
        settings,
        start.model,
        train=clips,
        val=ViewDataset(prepared.val_views, _class_ids(prepared.val, contract), contract),
        folder=output / _STEPS_FOLDER,
    )
    started = time.perf_counter()
    trainer.train(resume_from_checkpoint=_last_checkpoint(output) if settings.resume else None)
    seconds = time.perf_counter() - started
    # Before anything is scored or drawn: nothing that goes wrong from here on may cost the training.
    contract = write_weights(output, trainer, contract, prepared)
    metrics = measure(trainer, prepared, contract, seconds=seconds)
    write_results(output, trainer, contract, metrics)
    if settings.push_to_hub:
        push(output, settings.push_to_hub)
    return metrics


def _class_ids(clips: Sequence[Clip], contract: Contract) -> list[int]:
    return [contract.labels.index(clip.label) for clip in clips]


def _check_output(settings: Settings) -> None:
    output = settings.output
    if settings.resume:
        _check_resume(settings)
    elif output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(f"{output}: exists and is not empty; name a new folder, or go on with its run by --resume")


def _check_resume(settings: Settings) -> None:
    file = settings.output / SETTINGS_FILE
    if not file.exists():
        raise ValueError(f"{settings.output}: holds no run to resume; start one without --resume")
    before = json.loads(file.read_text(encoding="utf-8"))
    for name, value in dataclasses.asdict(settings).items():
        if name not in _FREE_ON_RESUME and before.get(name) != value:
            raise ValueError(
                f"--resume goes on with the settings of {file}, where {name} is {before.get(name)!r}, not {value!r}"
            )


def _last_checkpoint(output: Path) -> str | None:
    """The newest whole step of an earlier run; None if it had not finished an epoch.

    A kill while a step is written leaves a part of one, which is deleted here.
    """
    steps = sorted((output / _STEPS_FOLDER).glob("checkpoint-*"), key=lambda step: int(step.name.split("-")[1]))
    while steps and not (steps[-1] / _WRITTEN_LAST).exists():
        shutil.rmtree(steps.pop())
    return str(steps[-1]) if steps else None


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


def _check_device(settings: Settings) -> None:
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"device 'cuda' was asked for, but torch {torch.__version__} finds no CUDA device; check 'nvidia-smi', "
            "or train with --device cpu"
        )


def _starting_point(settings: Settings, labels: tuple[str, ...]) -> StartingPoint:
    options = {"frames": settings.frames, "image_size": settings.image_size, "resize": settings.resize}
    if settings.base is not None:
        start = from_base(settings.base, labels, **options)  # type: ignore[arg-type]
    else:
        start = from_preset(PRESETS[str(settings.preset)], labels, **options)  # type: ignore[arg-type]
    for notice in start.notices:
        terminal.note(notice)
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
