"""An exponential moving average of the weights, which is what a run keeps: steadier than any one step's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from vidcls.files.atomic import whole_file


class EmaWeights:
    """The exponential moving average of a model's trained weights over its steps."""

    def __init__(self, model: nn.Module, *, steps: float) -> None:
        """Args: steps: about how many of the last steps it spans; up to 1 is the last step alone."""
        self._weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._ema = {name: weight.detach().clone() for name, weight in self._weights.items()}
        self._steps = max(steps, 1.0)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the model's weights after `step` steps. The first steps span a tenth of what has been."""
        share = 1 / min(self._steps, 1 + step / 10)
        torch._foreach_lerp_(list(self._ema.values()), list(self._weights.values()), share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the average of its weights meanwhile."""
        own = {name: weight.detach().clone() for name, weight in self._weights.items()}
        self._assign(self._ema)
        try:
            yield
        finally:
            self._assign(own)

    def save(self, file: Path) -> None:
        """Write the average to `file`, which is there whole or not at all, after a power cut too."""
        with whole_file(file) as part:
            save_file({name: weight.contiguous() for name, weight in self._ema.items()}, part)

    def load(self, file: Path) -> None:
        """Go on from an average that `save` has written."""
        for name, weight in load_file(file).items():
            self._ema[name].copy_(weight)

    def keep(self, file: Path) -> None:
        """Give the model the average that is in `file`."""
        self.load(file)
        self._assign(self._ema)

    @torch.no_grad()
    def _assign(self, weights: dict[str, torch.Tensor]) -> None:
        for name, weight in weights.items():
            self._weights[name].copy_(weight)
