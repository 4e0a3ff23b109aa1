"""Which tokens a model's encoder sees: PyTorch's model held to those of the contract, for the graph to equal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2RopeAttention

from vidcls.contract import Tokens, kept_tokens
from vidcls.errors import ModelError
from vidcls_export.architectures import Architecture, architecture_of


def token_grid(model: PreTrainedModel) -> tuple[int, int, int]:
    """How many tokens there are along time, height and width."""
    architecture, config = architecture_of(model), model.config
    size, frames = getattr(config, architecture.image_size), getattr(config, architecture.frames)
    tubelet = config.tubelet_size
    length, height, width = tubelet if isinstance(tubelet, list | tuple) else (tubelet, *[config.patch_size] * 2)
    return frames // length, size // height, size // width


class TokenSelection:
    """The tokens that `model` sees from now on.

    kept: their numbers; None for all.
    """

    def __init__(self, model: PreTrainedModel, tokens: Tokens) -> None:
        """Put hooks on the model.

        Raises:
            ModelError: it cannot leave tokens out.
        """
        self.kept: list[int] | None = None
        self._is_on = True
        if tokens.share is None:
            return
        architecture = architecture_of(model)
        if architecture.embeddings is None:
            raise ModelError(
                f"{architecture.name} attends to each frame and each place by itself, so that no tokens can be left "
                "out; export it with all of them"
            )
        grid = token_grid(model)
        self.kept = kept_tokens(tokens, grid=grid)
        self._keep_embeddings(model, architecture, every=math.prod(grid))
        self._keep_positions(model)

    @contextmanager
    def all_tokens(self) -> Iterator[None]:
        """Within, the model sees all tokens."""
        self._is_on = False
        try:
            yield
        finally:
            self._is_on = True

    def _keep_embeddings(self, model: PreTrainedModel, architecture: Architecture, *, every: int) -> None:
        classes = architecture.class_tokens
        kept = torch.tensor([*range(classes), *(classes + number for number in self.kept or ())])

        def keep(_module: torch.nn.Module, _inputs: Any, embedded: torch.Tensor) -> torch.Tensor:
            return embedded[:, kept] if self._is_on and embedded.shape[1] == classes + every else embedded

        model.get_submodule(str(architecture.embeddings)).register_forward_hook(keep)

    def _keep_positions(self, model: PreTrainedModel) -> None:
        """V-JEPA 2's attentions turn each token by where it lies, and count them to know that."""
        for module in model.modules():
            if isinstance(module, VJEPA2RopeAttention):
                module.get_position_ids = _Positions(module, self)


class _Positions:
    """Instead of a rotary attention's `get_position_ids`: those of the tokens that are kept."""

    def __init__(self, module: VJEPA2RopeAttention, selection: TokenSelection) -> None:
        self._selection = selection
        self._every = module.get_position_ids(torch.empty(1, module.grid_depth * module.grid_size**2, 0))
        self._kept = tuple(position[selection.kept] for position in self._every)

    def __call__(self, hidden: torch.Tensor, **_options: Any) -> tuple[torch.Tensor, ...]:
        return self._kept if hidden.shape[1] == len(self._selection.kept or ()) else self._every


@contextmanager
def kept_position_embeddings(model: PreTrainedModel, kept: list[int] | None) -> Iterator[None]:
    """Within, embeddings that add a position to each token add those of the kept ones; VideoMAE's and ViViT's do."""
    architecture = architecture_of(model)
    module = None if kept is None else model.get_submodule(str(architecture.embeddings))
    before = getattr(module, "position_embeddings", None)
    if module is None or before is None or kept is None:
        yield
        return
    classes = architecture.class_tokens
    part = before.detach()[:, [*range(classes), *(classes + number for number in kept)]]
    is_parameter = isinstance(before, torch.nn.Parameter)
    module.position_embeddings = torch.nn.Parameter(part, requires_grad=False) if is_parameter else part
    try:
        yield
    finally:
        module.position_embeddings = before
