"""Hugging Face's Trainer on our data: batches by epoch and seed, averaged weights, one line per epoch."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import torch
from torch.nn.functional import cross_entropy
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
from transformers.integrations import TensorBoardCallback

from vidcls.cli import terminal
from vidcls.errors import VidclsError
from vidcls_train.config.settings import RunSettings, Settings, given
from vidcls_train.data.augmentation import PairMixing
from vidcls_train.data.collate import Collate
from vidcls_train.data.datasets import ClipDataset, ViewDataset
from vidcls_train.data.epoch_sampler import EpochSampler
from vidcls_train.model.drop_path import BRANCHES_PER_LAYER, DropPath
from vidcls_train.model.dropout import set_dropout
from vidcls_train.model.patch_dropout import PatchDropout
from vidcls_train.model.patch_embedding import ZeroMeanCallback, is_zero_mean
from vidcls_train.trainer.distributed import process_count, process_rank, takes_gpu
from vidcls_train.trainer.ema import AveragedWeights
from vidcls_train.trainer.param_groups import make_optimizer
from vidcls_train.trainer.selection import best_row, epochs_without_progress

# Of a step's files, the one written last, under another name first: where it is, the step is whole.
AVERAGE_FILE = "average.safetensors"

# Beside the folder of steps: what TensorBoard shows.
LOG_FOLDER = "runs"

# Beside the steps: the averaged weights of the epoch that is kept.
_BEST_FILE = "best.safetensors"


class DivergedError(VidclsError):
    """The loss is no number any more."""


class VideoTrainer(Trainer):  # type: ignore[misc]
    """Trainer whose training batches come from an `EpochSampler`, and which validates the averaged weights."""

    betas = (0.9, 0.999)  # Adam's
    epochs_of = ""  # what the line of an epoch says before "epoch"

    def __init__(
        self,
        settings: RunSettings,
        model: PreTrainedModel,
        *,
        folder: Path,
        collate: Callable[[Sequence[dict[str, Any]]], dict[str, torch.Tensor]],
        **options: Any,
    ) -> None:
        """Args: complete settings; the model; where steps are saved; makes training batches; what `Trainer` takes."""
        self.sampler = EpochSampler(
            options["train_dataset"],
            batch_size=given(settings.batch_size),
            seed=settings.seed,
            accumulate=settings.accumulate,
            processes=process_count(),
            rank=process_rank(),
        )
        batches = len(self.sampler) // settings.accumulate
        steps = settings.max_steps or given(settings.epochs) * batches
        optimizer = make_optimizer(
            model,
            given(settings.optimizer),
            betas=self.betas,
            learning_rate=given(settings.learning_rate),
            layer_decay=given(settings.layer_decay),
            weight_decay=given(settings.weight_decay),
        )
        arguments = _arguments(settings, folder, steps=steps, validates=options.get("eval_dataset") is not None)
        super().__init__(model=model, args=arguments, optimizers=(optimizer, None), **options)
        self.model_accepts_loss_kwargs = False  # else it counts labels, and divides by them
        self.averaged = AveragedWeights(self.model, steps=given(settings.averaging) * steps)
        self._batches = batches
        self._collate = collate
        for callback in (ProgressCallback, PrinterCallback):
            self.remove_callback(callback)
        if is_zero_mean(self.model):
            self.add_callback(ZeroMeanCallback(self.model))
        self.add_callback(_Averaging(self.averaged, self.sampler))

    def get_train_dataloader(self) -> Any:
        """Batches of keys (epoch, video index), the epoch being the one the Trainer is in."""
        # Not prepared by accelerate, which would share it out: the sampler does.
        return DataLoader(
            self.train_dataset,
            batch_sampler=self.sampler,
            collate_fn=self._collate,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            persistent_workers=self.args.dataloader_persistent_workers,
            generator=torch.Generator(),  # else it takes a number from the generator that dropout draws from
        )

    def part_of_batch(self) -> float:
        """What a sum over the clips of this process's part counts for in the mean over the whole batch.

        The Trainer divides by the number of accumulated parts, and the processes' gradients are averaged.
        """
        clips = self.sampler.batch_length(self.state.global_step % self._batches)
        parts: int = self.args.gradient_accumulation_steps * self.args.world_size
        return parts / clips

    def evaluate(self, *arguments: Any, **options: Any) -> dict[str, float]:
        """Validate the averaged weights."""
        with self.averaged.applied():
            metrics: dict[str, float] = super().evaluate(*arguments, **options)
        return metrics

    def keep_best(self) -> None:
        """Give the model the averaged weights of the best epoch; of the last one where nothing was validated."""
        best = Path(self.args.output_dir) / _BEST_FILE
        if best_row(self.state.log_history) is not None:
            self.averaged.keep(best)
        else:
            self.averaged.keep(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}" / AVERAGE_FILE)


class _ClassificationTrainer(VideoTrainer):
    """Cross entropy on mixed labels."""

    def __init__(self, settings: Settings, model: PreTrainedModel, *, class_weights: Sequence[float], **options: Any):
        # An encoder that stays as it is shows the head all of what it finds.
        self._drop_path = DropPath(model, given(settings.drop_path) if not settings.head_only else 0.0)
        self._patch_dropout = PatchDropout(model)
        set_dropout(model, given(settings.dropout) if not settings.head_only else 0.0)
        super().__init__(settings, model, **options)
        self._smoothing = given(settings.label_smoothing)
        self._class_weights = torch.tensor(class_weights, device=self.args.device)

    def compute_loss(
        self, model: Any, inputs: dict[str, torch.Tensor], return_outputs: bool = False, **_: Any
    ) -> torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """In training a part of the batch's loss, to be summed up; in validation the mean over `inputs`."""
        if "labels" in inputs:
            logits = model(pixel_values=inputs["pixel_values"]).logits.float()
            loss = cross_entropy(logits, inputs["labels"])
            return (loss, {"logits": logits}) if return_outputs else loss
        self._drop_path.draw(inputs["skip_draws"])
        self._patch_dropout.hide(inputs["hidden"])
        logits = model(pixel_values=inputs["pixel_values"]).logits.float()
        loss = cross_entropy(
            logits, inputs["targets"], weight=self._class_weights, label_smoothing=self._smoothing, reduction="sum"
        )
        return loss * self.part_of_batch()


def make_trainer(
    settings: Settings,
    model: PreTrainedModel,
    *,
    train: ClipDataset,
    val: ViewDataset,
    class_weights: Sequence[float],
    folder: Path,
) -> VideoTrainer:
    """A Trainer that validates and saves after every epoch, into `folder`.

    Args:
        settings: complete ones.
        class_weights: what the clips of each label count for.
    """
    trainer = _ClassificationTrainer(
        settings,
        model,
        class_weights=class_weights,
        folder=folder,
        train_dataset=train,
        eval_dataset=val,
        compute_metrics=_accuracy,
        collate=Collate(
            PairMixing(mixup=given(settings.mixup), cutmix=given(settings.cutmix)),
            labels=len(class_weights),
            branches=BRANCHES_PER_LAYER * model.config.num_hidden_layers,
            tokens=model.videomae.embeddings.num_patches,
            patch_dropout=given(settings.patch_dropout) if not settings.head_only else 0.0,
            seed=settings.seed,
        ),
    )
    if settings.early_stopping is not None:
        trainer.add_callback(_EarlyStop(settings.early_stopping))
    add_progress(trainer)
    return trainer


def add_progress(trainer: VideoTrainer) -> None:
    """A line per epoch, a bar on a terminal, and TensorBoard's log where it is installed: from the first process."""
    if trainer.is_world_process_zero():
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - not everybody has it

            log = Path(trainer.args.output_dir).parent / LOG_FOLDER
            trainer.add_callback(TensorBoardCallback(SummaryWriter(str(log))))
        if terminal.is_interactive():
            trainer.add_callback(_QuietProgress())
        trainer.add_callback(_EpochLines(trainer.epochs_of))


def _arguments(settings: RunSettings, folder: Path, *, steps: int, validates: bool) -> TrainingArguments:
    # About how it finds its newest checkpoint; it then goes by their numbers, as it should.
    warnings.filterwarnings("ignore", message="mtime may not be reliable")
    on_gpu = takes_gpu(settings.device)
    bf16 = settings.precision == "bf16" or (settings.precision == "auto" and on_gpu and torch.cuda.is_bf16_supported())
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=given(settings.epochs),
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=max(
            1, given(settings.batch_size) // settings.accumulate // process_count()
        ),  # of no effect: the sampler makes the batches
        per_device_eval_batch_size=given(settings.batch_size),
        gradient_accumulation_steps=settings.accumulate,
        gradient_checkpointing=settings.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        bf16=on_gpu and bf16,
        fp16=on_gpu and settings.precision == "fp16",
        lr_scheduler_type="cosine",
        warmup_steps=math.ceil(steps * given(settings.warmup_share)),
        eval_strategy="epoch" if validates else "no",
        save_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=2,
        logging_nan_inf_filter=False,  # else a loss that is no number is logged as one
        seed=settings.seed,
        dataloader_num_workers=given(settings.workers),
        dataloader_persistent_workers=given(settings.workers) > 0,
        dataloader_pin_memory=on_gpu,
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        use_cpu=not on_gpu,
        report_to=[],
    )


def _accuracy(prediction: EvalPrediction) -> dict[str, float]:
    right = prediction.predictions.argmax(axis=1) == prediction.label_ids
    return {"accuracy": float(right.mean()), "clips": len(right)}


class _Averaging(TrainerCallback):  # type: ignore[misc]
    """Keeps the average up to date, on disk too, and tells the sampler the epoch."""

    def __init__(self, averaged: AveragedWeights, sampler: EpochSampler) -> None:
        self._averaged = averaged
        self._sampler = sampler

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, _control: Any, **_: Any) -> None:
        if state.global_step > 0:
            self._averaged.load(Path(args.output_dir) / f"checkpoint-{state.global_step}" / AVERAGE_FILE)

    def on_epoch_begin(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
        # accelerate's set_epoch starts from 0 again after a resume, and a resumed run starts at a fraction.
        self._sampler.epoch = math.floor(state.epoch + 1e-6)

    def on_step_end(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
        self._averaged.update(state.global_step)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, _control: Any, **_: Any) -> None:
        best = best_row(state.log_history)
        if state.is_world_process_zero and best is not None and best["step"] == state.global_step:
            self._averaged.save(Path(args.output_dir) / _BEST_FILE)

    def on_save(self, args: TrainingArguments, state: TrainerState, _control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            self._averaged.save(Path(args.output_dir) / f"checkpoint-{state.global_step}" / AVERAGE_FILE)

    def on_log(
        self, _args: Any, state: TrainerState, _control: Any, *, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        if logs and not all(math.isfinite(logs.get(name, 0.0)) for name in ("loss", "eval_loss")):
            raise DivergedError(
                f"the loss is no number any more after step {state.global_step}; start again with a lower "
                "--learning-rate"
            )


class _EarlyStop(TrainerCallback):  # type: ignore[misc]
    """Ends the run after so many validations without a better one."""

    def __init__(self, patience: int) -> None:
        self._patience = patience

    def on_evaluate(self, _args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        if epochs_without_progress(state.log_history) >= self._patience:
            control.should_training_stop = True


class _EpochLines(TrainerCallback):  # type: ignore[misc]
    """One line per epoch: losses, accuracy, time left."""

    def __init__(self, epochs_of: str) -> None:
        self._epochs_of = epochs_of
        self._started: tuple[float, float] | None = None

    def on_epoch_begin(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
        if self._started is None:
            self._started = (time.perf_counter(), float(state.epoch))

    def on_save(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
        started, first_epoch = self._started or (time.perf_counter(), 0.0)
        total = state.max_steps / max(state.global_step, 1) * state.epoch
        per_epoch = (time.perf_counter() - started) / max(state.epoch - first_epoch, 1e-9)
        rows = [row for row in state.log_history if row["step"] == state.global_step]
        latest = {name: value for row in rows for name, value in row.items()}
        line = f"{self._epochs_of}epoch {state.epoch:5.1f}/{total:.0f}  loss {latest.get('loss', math.nan):.3f}"
        best = best_row(state.log_history)
        if best is not None:
            line += (
                f"  val loss {latest['eval_loss']:.3f}, top-1 {latest['eval_accuracy']:.3f} "
                f"(kept: epoch {best['epoch']:.0f}, {best['eval_accuracy']:.3f})"
            )
        click.echo(f"{line}  {_duration((total - state.epoch) * per_epoch)} left")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class _QuietProgress(ProgressCallback):  # type: ignore[misc]
    """The Trainer's progress bar without its log lines, which `_EpochLines` replaces."""

    def on_log(self, *_: Any, **__: Any) -> None:
        """Print nothing."""
