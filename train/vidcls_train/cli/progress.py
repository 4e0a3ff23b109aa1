"""What a training shows of itself on the command line while it runs."""

from __future__ import annotations

from typing import Any

from transformers import ProgressCallback, TrainerCallback

from vidcls.cli import terminal


def progress_bars() -> list[TrainerCallback]:
    """A bar for the steps and one for validation, where somebody is watching."""
    return [_QuietProgress()] if terminal.is_interactive() else []


class _QuietProgress(ProgressCallback):  # type: ignore[misc]
    """The Trainer's progress bar without its log lines, which a line per epoch replaces."""

    def on_log(self, *_: Any, **__: Any) -> None:
        """Print nothing."""
