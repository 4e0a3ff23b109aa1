"""Some of an encoder's tokens, in the place of all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2RopeAttention

from vidcls_train.model.families import family_of, token_count, token_grid

Order = Literal["first", "last"]


class TokenSubset:
    """Shows the encoder of a model the tokens that `choose` names, wherever it would be shown all of them.

    VideoMAE and ViViT have added its place to each token before; V-JEPA 2's attentions turn each one by where it lies,
    and are told that.
    """

    def __init__(
        self, model: PreTrainedModel, choose: Callable[[nn.Module, torch.Tensor], torch.Tensor | None], *, order: Order
    ) -> None:
        """Put a hook on what makes a model's tokens.

        Args:
            model: of a family that has `tokens`.
            choose: what it returns for the module that makes the tokens and the pixels that it makes them of, float
                [B, T, 3, H, W], are numbers of patches, int64 [n] or [B, n]; None: all of them are shown.
            order: whether it chooses before all that have been made for the model, or after them.
        """
        family = family_of(model)
        self._choose = choose
        self._classes = family.class_tokens
        self._every = token_count(model.config)
        self._grid = token_grid(model.config)
        self._shown: torch.Tensor | None = None
        model.get_submodule(str(family.tokens)).register_forward_hook(self._select, prepend=order == "first")
        for module in model.base_model.encoder.modules():
            if isinstance(module, VJEPA2RopeAttention):
                module.get_position_ids = partial(self._positions, module.get_position_ids)

    def _select(self, module: nn.Module, inputs: tuple[Any, ...], embedded: torch.Tensor) -> torch.Tensor:
        """float [B, classes + every, width] to those that are shown."""
        is_whole = embedded.shape[1] == self._classes + self._every
        chosen = self._choose(module, inputs[0]) if is_whole else None
        self._shown = None if chosen is None else chosen.to(embedded.device)
        if self._shown is None:
            return embedded
        numbers = self._shown.expand(len(embedded), -1)
        patches = embedded[:, self._classes :].gather(1, numbers[..., None].expand(-1, -1, embedded.shape[2]))
        return torch.cat([embedded[:, : self._classes], patches], dim=1) if self._classes else patches

    def _positions(self, before: Callable[..., Any], hidden: torch.Tensor, masks: Any = None) -> Any:
        """(frame pair, row, column) of each token, [n] or, where clips differ, [B, 1, n]: alike for all heads."""
        if self._shown is None:
            return before(hidden, masks=masks)
        _, rows, columns = self._grid
        numbers = self._shown if self._shown.ndim == 1 else self._shown[:, None]
        in_frame = numbers % (rows * columns)
        return numbers // (rows * columns), in_frame // columns, in_frame % columns
