"""Patch dropout: in training the encoder gets a random part of each clip's patches, in use all of them.

A step's cost grows with the patches, and neighbouring ones hold much the same: with fewer of them, pictures can be
larger for nearly the same time, and no patch is always there to be learnt by heart (Liu et al., "PatchDropout:
Economizing Vision Transformers Using Patch Dropout", WACV 2023). Each patch carries its position, so those that are
missing leave no gap. Every clip brings its own mask (see `data.collate`).
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel

from vidcls_train.model.families import family_of
from vidcls_train.model.token_subset import TokenSubset


class PatchDropout:
    """Hides patches from `model`'s encoder while it is trained, as masked pretraining does."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Args: model: a classifier; a hook is put on what makes its tokens, unless its encoder needs all of them."""
        self._shown: torch.Tensor | None = None
        if family_of(model).tokens is not None:
            TokenSubset(model, self._choice, order="first")

    def hide(self, hidden: torch.Tensor) -> None:
        """Take what to hide of the next batch: bool [B, tokens], the same number in every row."""
        self._shown = (~hidden).nonzero()[:, 1].view(len(hidden), -1) if hidden.any() else None

    def _choice(self, module: nn.Module, _pixels: torch.Tensor) -> torch.Tensor | None:
        return self._shown if module.training else None
