"""Stochastic depth: in training, clips skip branches of the encoder at random.

transformers' VideoMAE and ViViT have none, and that of its others takes random numbers of its own. Here every clip
brings its draws with it (see `data.collate`), so that a resumed run, or one on more processes, skips the same branches.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from vidcls_train.model.families import family_of, layers_of


def branches_per_layer(model: PreTrainedModel) -> int:
    """How many branches a layer of the encoder has: attention and MLP; TimeSformer attends to time and space apart."""
    return len(family_of(model).branches(model.config))


class DropPath:
    """Skips branches of `model`'s encoder: none in the first layer, up to `rate` in the last."""

    def __init__(self, model: PreTrainedModel, rate: float) -> None:
        """Args: model: a classifier, whose encoder gets hooks. rate: of the last layer, 0 to 1."""
        self._draws: torch.Tensor | None = None
        layers, branches = layers_of(model), family_of(model).branches(model.config)
        for number, layer in enumerate(layers):
            probability = rate * number / max(len(layers) - 1, 1)
            for branch, last in enumerate(branches):
                if probability > 0:
                    skipping = self._skipping(len(branches) * number + branch, probability)
                    layer.get_submodule(last).register_forward_hook(skipping)

    def draw(self, draws: torch.Tensor) -> None:
        """Take the draws for the next batch: from 0 to 1, [branches, B]; a branch's clip is skipped below its rate."""
        self._draws = draws

    def _skipping(self, branch: int, probability: float) -> Any:
        def skip(module: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
            if not module.training or self._draws is None:
                return output
            kept = (self._draws[branch] >= probability).to(output.dtype) / (1 - probability)
            # TimeSformer attends to each frame of a clip by itself, clip after clip.
            kept = kept.repeat_interleave(len(output) // len(kept))
            return output * kept[:, None, None]

        return skip
