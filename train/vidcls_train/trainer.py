"""Hugging Face's Trainer on our data: batches by epoch and seed, one line per epoch."""

from __future__ import annotations

import math
import time
import warnings
from pathlib import Path
from typing import Any

import click
import torch
from torch.utils.data import DataLoader
from transformers import (
    EvalPrediction,
    PreTrainedModel,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)

from vidcls import terminal
from vidcls_train.datasets import ClipDataset, EpochSampler, ViewDataset
from vidcls_train.settings import Settings


def make_trainer(
    settings: Settings, model: PreTrainedModel, *, train: ClipDataset, val: ViewDataset, folder: Path
) -> Trainer:
    """A Trainer that evaluates and saves after every epoch, into `folder`, and ends with the best epoch's model."""
    # About how it finds its newest checkpoint; it then goes by their numbers, as it should.
    warnings.filterwarnings("ignore", message="mtime may not be reliable")
    steps_per_epoch = math.ceil(len(train) / settings.batch_size)
    steps = settings.max_steps or settings.epochs * steps_per_epoch
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=math.ceil(steps * settings.warmup_share),
        label_smoothing_factor=settings.label_smoothing,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        greater_is_better=True,
        seed=settings.seed,
        dataloader_num_workers=settings.workers,
        dataloader_persistent_workers=settings.workers > 0,
        dataloader_pin_memory=settings.device != "cpu" and torch.cuda.is_available(),
        remove_unused_columns=False,
        use_cpu=settings.device == "cpu",
        report_to=[],
    )
    trainer = _EpochTrainer(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=val,
        compute_metrics=_accuracy,
    )
    for callback in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(callback)
    if terminal.is_interactive():
        trainer.add_callback(_QuietProgress())
    trainer.add_callback(_EpochLines())
    return trainer


def _accuracy(prediction: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(axis=1) == prediction.label_ids).mean())}


class _EpochTrainer(Trainer):  # type: ignore[misc]
    """Trainer whose training batches come from an `EpochSampler`."""

    def get_train_dataloader(self) -> Any:
        """Batches of keys (epoch, video index), the epoch being the one the Trainer is in."""
        sampler = EpochSampler(self.train_dataset, seed=self.args.seed)
        self.add_callback(_TellEpoch(sampler))
        loader = DataLoader(
            self.train_dataset,
            batch_size=self._train_batch_size,
            sampler=sampler,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            persistent_workers=self.args.dataloader_persistent_workers,
            generator=torch.Generator(),  # else it takes a number from the generator that dropout draws from
        )
        return self.accelerator.prepare(loader)


class _TellEpoch(TrainerCallback):  # type: ignore[misc]
    """Tell the sampler the epoch. accelerate's set_epoch starts from 0 again after a resume."""

    def __init__(self, sampler: EpochSampler) -> None:
        self._sampler = sampler

    def on_epoch_begin(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
        self._sampler.epoch = math.floor(state.epoch + 1e-6)  # a resumed run starts at a fraction


class _EpochLines(TrainerCallback):  # type: ignore[misc]
    """One line per epoch: loss, accuracy, time left."""

    def __init__(self) -> None:
        self._started: tuple[float, float] | None = None
        self._best = 0.0

    def on_epoch_begin(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
        if self._started is None:
            self._started = (time.perf_counter(), float(state.epoch))

    def on_evaluate(
        self, _args: Any, state: TrainerState, _control: Any, *, metrics: dict[str, float], **_: Any
    ) -> None:
        started, first_epoch = self._started or (time.perf_counter(), 0.0)
        total = state.max_steps / max(state.global_step, 1) * state.epoch
        per_epoch = (time.perf_counter() - started) / max(state.epoch - first_epoch, 1e-9)
        losses = [row["loss"] for row in state.log_history if "loss" in row]
        accuracy = metrics["eval_accuracy"]
        self._best = max(self._best, accuracy, state.best_metric or 0.0)
        click.echo(
            f"epoch {state.epoch:5.1f}/{total:.0f}  loss {losses[-1] if losses else math.nan:.3f}  "
            f"val top-1 {accuracy:.3f} (best {self._best:.3f})  {(total - state.epoch) * per_epoch:.0f} s left"
        )


class _QuietProgress(ProgressCallback):  # type: ignore[misc]
    """The Trainer's progress bar without its log lines, which `_EpochLines` replaces."""

    def on_log(self, *_: Any, **__: Any) -> None:
        """Print nothing."""
