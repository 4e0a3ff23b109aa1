"""How far a run is: a line per epoch, and TensorBoard's log where it is installed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerState
from transformers.integrations import TensorBoardCallback

from vidcls_train.trainer.selection import best_row

# Beside the folder of steps: what TensorBoard shows.
_LOG_FOLDER = "runs"


class EpochLines(TrainerCallback):  # type: ignore[misc]
    """One line per epoch: losses, accuracy, time left until all is written."""

    def __init__(self, say: Callable[[str], None], *, of: str, seconds_after: Callable[[], float]) -> None:
        """Args: say: takes a line; of: what a line says before "epoch"; seconds_after: what the last epoch is not."""
        self._say = say
        self._of = of
        self._seconds_after = seconds_after
        self._started: tuple[float, float] | None = None

    def on_epoch_begin(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
        """Start the clock, with the first epoch of this process."""
        if self._started is None:
            self._started = (time.perf_counter(), float(state.epoch))

    def on_save(self, _args: Any, state: TrainerState, _control: Any, **_: Any) -> None:
        """Say the line: an epoch is whole once it is saved."""
        started, first_epoch = self._started or (time.perf_counter(), 0.0)
        total = state.max_steps / max(state.global_step, 1) * state.epoch
        per_epoch = (time.perf_counter() - started) / max(state.epoch - first_epoch, 1e-9)
        rows = [row for row in state.log_history if row["step"] == state.global_step]
        latest = {name: value for row in rows for name, value in row.items()}
        line = f"{self._of}epoch {state.epoch:5.1f}/{total:.0f}  loss {latest.get('loss', math.nan):.3f}"
        best = best_row(state.log_history)
        if best is not None:
            measure, name = ("mAP", "eval_map") if "eval_map" in best else ("top-1", "eval_accuracy")
            line += (
                f"  val loss {latest['eval_loss']:.3f}, {measure} {latest[name]:.3f} on {latest['eval_clips']} clips "
                f"(kept: epoch {best['epoch']:.0f}, {best[name]:.3f})"
            )
        after = self._seconds_after()
        left = f"{_duration(max(0.0, total - state.epoch) * per_epoch + after)} left"
        is_last = state.global_step >= state.max_steps
        self._say(f"{line}  {left}{', to score clips and write reports' if is_last and after else ''}")


def tensorboard_log(output: Path) -> list[TrainerCallback]:
    """What writes TensorBoard's log into a run's folder; nothing where TensorBoard is not installed."""
    if find_spec("tensorboard") is None:
        return []
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - not everybody has it

    return [TensorBoardCallback(SummaryWriter(str(output / _LOG_FOLDER)))]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
