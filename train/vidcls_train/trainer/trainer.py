"""Hugging Face's Trainer on our data: batches by epoch and seed, and the EMA of the weights validated and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, PrinterCallback, ProgressCallback, Trainer, TrainerCallback, TrainerState

from vidcls_train.config.processes import process_count, process_rank
from vidcls_train.config.settings import Config
from vidcls_train.data.epoch_sampler import EpochSampler
from vidcls_train.model.patch_embedding import ZeroMeanCallback, is_zero_mean
from vidcls_train.trainer.arguments import environment_kept, training_arguments
from vidcls_train.trainer.autocast import end_autocast
from vidcls_train.trainer.callbacks import EpochStart, KeepEma, StopDiverged
from vidcls_train.trainer.distributed import by_first_process
from vidcls_train.trainer.ema import EmaWeights
from vidcls_train.trainer.memory import named_memory_errors
from vidcls_train.trainer.param_groups import make_optimizer
from vidcls_train.trainer.progress import EpochLines, tensorboard_log
from vidcls_train.trainer.selection import best_row
from vidcls_train.trainer.steps import EMA_FILE, STATE_FILE, kept_ema, last_step, step_folder


class VideoTrainer(Trainer):  # type: ignore[misc]
    """Trainer whose training batches come from an `EpochSampler`, and which validates the EMA of the weights."""

    betas = (0.9, 0.999)  # Adam's
    epochs_of = ""  # what the line of an epoch says before "epoch"

    def __init__(
        self,
        config: Config,
        model: PreTrainedModel,
        *,
        collate: Callable[[Sequence[dict[str, Any]]], dict[str, torch.Tensor]],
        **options: Any,
    ) -> None:
        """Args: makes training batches; what `Trainer` takes."""
        self.sampler = EpochSampler(
            options["train_dataset"],
            batch_size=config.optimization.batch_size,
            seed=config.run.seed,
            accumulation_steps=config.run.gradient_accumulation_steps,
            processes=process_count(),
            rank=process_rank(),
        )
        self._batches = len(self.sampler) // config.run.gradient_accumulation_steps
        steps = self._steps = config.schedule.max_steps or config.schedule.epochs * self._batches
        optimizer = make_optimizer(
            model,
            config.optimization.optimizer,
            betas=self.betas,
            learning_rate=config.optimization.learning_rate,
            layer_decay=config.optimization.layer_decay,
            weight_decay=config.optimization.weight_decay,
        )
        with environment_kept():
            arguments = training_arguments(config, steps=steps, validates=options.get("eval_dataset") is not None)
            super().__init__(model=model, args=arguments, optimizers=(optimizer, None), **options)
        self.model_accepts_loss_kwargs = False  # else it counts labels, and divides by them
        self.ema = EmaWeights(self.model, steps=config.schedule.ema * steps)
        self._collate = collate
        self._loaders: list[DataLoader[Any]] = []
        for callback in (ProgressCallback, PrinterCallback):
            self.remove_callback(callback)
        if is_zero_mean(self.model):
            self.add_callback(ZeroMeanCallback(self.model))
        for callback in (EpochStart(self.sampler), KeepEma(self.ema), StopDiverged()):
            self.add_callback(callback)

    def get_train_dataloader(self) -> Any:
        """Batches of keys (epoch, video index), the epoch being the one the Trainer is in."""
        # Not prepared by accelerate, which would divide it among processes: the sampler does.
        loader = DataLoader(
            self.train_dataset,
            batch_sampler=self.sampler,
            collate_fn=self._collate,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            persistent_workers=self.args.dataloader_persistent_workers,
            generator=torch.Generator(),  # else it takes a number from the generator that dropout draws from
        )
        self._loaders.append(loader)
        return loader

    def floating_point_ops(self, _inputs: Any) -> int:
        """0: nobody asks, and of inputs under another name than its model's the Trainer says that it cannot count."""
        return 0

    def part_of_batch(self) -> float:
        """What a sum over the clips of this process's part counts for in the mean over the whole batch.

        The Trainer divides by the number of accumulated parts, and the processes' gradients are averaged.
        """
        clips = self.sampler.batch_length(self.state.global_step % self._batches)
        parts: int = self.args.gradient_accumulation_steps * self.args.world_size
        return parts / clips

    def evaluate(self, *arguments: Any, **options: Any) -> dict[str, float]:
        """Validate the EMA of the weights."""
        # The loader of validation clips, which a resumed run makes anew, takes numbers from the generator that dropout
        # draws from.
        with self.ema.applied(), torch.random.fork_rng(devices=[]):
            metrics: dict[str, float] = super().evaluate(*arguments, **options)
        return metrics

    def fit(
        self,
        config: Config,
        *,
        on_epoch: Callable[[str], None],
        callbacks: Sequence[TrainerCallback],
        seconds_after: Callable[[], float] = lambda: 0.0,
    ) -> float:
        """Train, from the last whole step where the run is resumed; returns the seconds that it took.

        After it the model computes in the precision of its weights, float32, whatever it was trained in.

        Args:
            on_epoch: takes a line after each epoch, in the first process; callbacks: are added there.
            seconds_after: how long the run goes on after its last epoch; asked there too, after each.

        Raises:
            OutOfMemoryError: the model does not fit with this batch size.
            DivergedError: the loss is NaN or infinite.
        """
        output = config.run.output
        if self.is_world_process_zero():
            lines = EpochLines(on_epoch, of=self.epochs_of, seconds_after=seconds_after)
            for callback in (*tensorboard_log(output), *callbacks, lines):
                self.add_callback(callback)
        started = time.perf_counter()
        with (
            self._workers_ended(),
            named_memory_errors(
                batch_size=self.sampler.batch_length(0), accumulation_steps=config.run.gradient_accumulation_steps
            ),
        ):
            step = by_first_process(lambda: last_step(output)) if config.run.resume else None
            if step is None or not self._ends_with(Path(step)):
                self.train(resume_from_checkpoint=step)
        end_autocast(self.model)
        return time.perf_counter() - started

    def is_over(self, state: TrainerState) -> bool:
        """Whether a run that has got so far trains no more."""
        over: bool = state.global_step >= self._steps
        return over

    def _ends_with(self, step: Path) -> bool:
        """Whether the run was over with this step, whose weights and history are then taken.

        The Trainer itself would train another step, or another epoch, before it asks.
        """
        state = TrainerState.load_from_json(str(step / STATE_FILE))
        if not self.is_over(state):
            return False
        self._load_from_checkpoint(str(step))
        self.state = state
        return True

    @contextmanager
    def _workers_ended(self) -> Iterator[None]:
        """Where the block fails, end the processes that load clips before anything else is done.

        Else PyTorch ends them as the interpreter exits, and has much to say of those that a signal has ended before.
        """
        try:
            yield
        except BaseException:
            evaluation = getattr(self, "_eval_dataloaders", {}).values()
            for loader in (
                *self._loaders,
                *evaluation,
                *(getattr(each, "base_dataloader", None) for each in evaluation),
            ):
                workers = getattr(loader, "_iterator", None)
                if workers is not None:
                    with suppress(RuntimeError):  # one of them has been ended by a signal
                        workers._shutdown_workers()
            raise

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Take a step's weights, by the names that transformers gives them in files.

        The Trainer's own way takes the file's names for the model's. From 5.18 on VideoMAE's biases have others there,
        and a run would go on with those that it has at the moment.
        """
        target = self.model if model is None else model
        target.load_state_dict(type(target).from_pretrained(resume_from_checkpoint).state_dict())

    def take_over(self, folder: Path, done: dict[str, Any]) -> None:
        """Take the kept weights of a run that is over, in the place of `fit` and `keep_best`.

        Args:
            folder: with the weights.
            done: what its metrics.json says of its training.
        """
        self._load_from_checkpoint(str(folder))
        self.state.log_history = done["history"]
        self.state.epoch, self.state.global_step = done["epochs"], done["steps"]

    def keep_best(self) -> None:
        """Give the model the EMA of the best epoch; of the last one where nothing was validated."""
        best = best_row(self.state.log_history)
        if best is not None:
            self.ema.keep(kept_ema(self.args.output_dir, best["step"]))
        else:
            self.ema.keep(step_folder(self.args.output_dir, self.state.global_step) / EMA_FILE)
