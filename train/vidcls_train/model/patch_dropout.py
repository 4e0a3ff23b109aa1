"""Patch dropout for VideoMAE: in training the encoder gets a random part of each clip's patches, in use all of them.

A step's cost grows with the patches, and neighbouring ones hold much the same: with fewer of them, pictures can be
larger for nearly the same time, and no patch is always there to be learnt by heart (Liu et al., "PatchDropout:
Economizing Vision Transformers Using Patch Dropout", WACV 2023). Each patch carries its position, so those that are
missing leave no gap. Every clip brings its own mask (see `data.collate`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel


class PatchDropout:
    """Hides patches from `model`'s encoder while it is trained, as its masked pretraining does."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Args: model: with a VideoMAE encoder, `model.videomae`; a hook is put on its embeddings."""
        self._hidden: torch.Tensor | None = None
        model.videomae.embeddings.register_forward_pre_hook(self._hide)

    def hide(self, hidden: torch.Tensor) -> None:
        """Take what to hide of the next batch: bool [B, tokens], the same number in every row."""
        self._hidden = hidden

    def _hide(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not module.training or self._hidden is None:
            return None
        pixels, _none_masked = inputs
        return pixels, self._hidden
