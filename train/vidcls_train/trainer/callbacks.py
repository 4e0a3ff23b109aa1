"""What happens at the ends of steps and epochs: the EMA is kept up to date, and a run may end early."""

from __future__ import annotations

import math
from typing import Any

from transformers import TrainerCallback, TrainerState, TrainingArguments

from vidcls.errors import VidclsError
from vidcls.files.atomic import sync_file, sync_folder
from vidcls_train.data.epoch_sampler import EpochSampler
from vidcls_train.trainer.ema import EmaWeights
from vidcls_train.trainer.selection import best_row, epochs_without_progress
from vidcls_train.trainer.steps import EMA_FILE, best_file, remove_other_best, step_folder


class DivergedError(VidclsError):
    """The loss is NaN or infinite."""


class EpochStart(TrainerCallback):  # type: ignore[misc]
    """Gives the sampler the epoch."""

    def __init__(self, sampler: EpochSampler) -> None:
        self._sampler = sampler

    def on_epoch_begin(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
        """Count from the run's first epoch."""
        # accelerate's set_epoch starts from 0 again after a resume, and a resumed run starts at a fraction.
        self._sampler.epoch = math.floor(state.epoch + 1e-6)


class KeepEma(TrainerCallback):  # type: ignore[misc]
    """Keeps the EMA up to date, and saves that of each step and of the best epoch."""

    def __init__(self, ema: EmaWeights) -> None:
        self._ema = ema

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, _control: Any, **_: Any) -> None:
        """Go on from the EMA of the step that is resumed."""
        if state.global_step > 0:
            self._ema.load(step_folder(args.output_dir, state.global_step) / EMA_FILE)

    def on_step_end(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
        """Take in the step's weights."""
        self._ema.update(state.global_step)

    def on_save(self, args: TrainingArguments, state: TrainerState, _control: Any, **_: Any) -> None:
        """Save the step's EMA, which makes it whole: what the Trainer wrote reaches the disk before it.

        Where this is the epoch to keep so far, it is saved as that one's too, before the step whose history says so is
        whole; that of the best epoch before is removed after it. So each whole step finds the one that it names.
        """
        if state.is_world_process_zero:
            step = step_folder(args.output_dir, state.global_step)
            best = best_row(state.log_history)
            if best is not None and best["step"] == state.global_step:
                self._ema.save(best_file(args.output_dir, state.global_step))
            for file in step.iterdir():
                if file.is_file():
                    sync_file(file)
            sync_folder(step.parent)
            self._ema.save(step / EMA_FILE)
            remove_other_best(args.output_dir)


class StopDiverged(TrainerCallback):  # type: ignore[misc]
    """Ends a run whose loss is NaN or infinite."""

    def on_log(
        self, _args: Any, state: TrainerState, _control: Any, *, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        """Raise a DivergedError where a loss is not finite."""
        if logs and not all(math.isfinite(logs.get(name, 0.0)) for name in ("loss", "eval_loss")):
            raise DivergedError(
                f"the loss is NaN or infinite after step {state.global_step}; start again with a lower --learning-rate"
            )


class EarlyStop(TrainerCallback):  # type: ignore[misc]
    """Ends the run after so many validations without a better one."""

    def __init__(self, patience: int) -> None:
        self._patience = patience

    def on_evaluate(self, _args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Count the validations since the best one."""
        if epochs_without_progress(state.log_history) >= self._patience:
            control.should_training_stop = True
