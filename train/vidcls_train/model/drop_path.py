"""Stochastic depth for VideoMAE: in training, clips skip branches of the encoder at random.

transformers' VideoMAE has none. Every clip brings its own draws with it (see `data.collate`), so that
a resumed run, or one on more processes, skips the same branches.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

BRANCHES_PER_LAYER = 2  # attention and MLP


class DropPath:
    """Skips attention and MLP branches of `model`'s encoder: none in the first layer, up to `rate` in the last."""

    def __init__(self, model: PreTrainedModel, rate: float) -> None:
        """Args: model: with a VideoMAE encoder, `model.videomae`, which gets hooks. rate: of the last layer, 0 to 1."""
        self._draws: torch.Tensor | None = None
        layers = model.videomae.encoder.layer
        for number, layer in enumerate(layers):
            probability = rate * number / max(len(layers) - 1, 1)
            # Dropout is a branch's last step before it is added to what it branched off.
            for branch, last in enumerate((layer.attention.output.dropout, layer.output.dropout)):
                if probability > 0:
                    last.register_forward_hook(self._skipping(BRANCHES_PER_LAYER * number + branch, probability))

    def draw(self, draws: torch.Tensor) -> None:
        """Take the draws for the next batch: from 0 to 1, [branches, B]; a branch's clip is skipped below its rate."""
        self._draws = draws

    def _skipping(self, branch: int, probability: float) -> Any:
        def skip(module: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
            if not module.training or self._draws is None:
                return output
            kept = (self._draws[branch] >= probability).to(output.dtype) / (1 - probability)
            return output * kept[:, None, None]

        return skip
