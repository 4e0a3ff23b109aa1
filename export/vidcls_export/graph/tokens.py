"""Which tokens a model's encoder sees: PyTorch's model held to those of the contract, for the graph to equal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2RopeAttention

from vidcls.contract import Image, Tokens, kept_tokens
from vidcls_export.architectures import Architecture, architecture_of
from vidcls_train.moving import grey_levels, moving_count, moving_tokens, patches_of


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The tokens that an encoder sees.

    kept: their numbers, the same of every clip. moving: how many of each clip, those that change most. With neither it
    sees all.
    """

    kept: tuple[int, ...] | None = None
    moving: int | None = None


ALL = Shown()


def patch_of(model: PreTrainedModel) -> tuple[int, int, int]:
    """How many frames, rows and columns of pixels become one token."""
    config = model.config
    tubelet = config.tubelet_size
    length, height, width = tubelet if isinstance(tubelet, list | tuple) else (tubelet, *[config.patch_size] * 2)
    return length, height, width


def token_grid(model: PreTrainedModel) -> tuple[int, int, int]:
    """How many tokens there are along time, height and width."""
    architecture, config = architecture_of(model), model.config
    size, frames = getattr(config, architecture.image_size), getattr(config, architecture.frames)
    length, height, width = patch_of(model)
    return frames // length, size // height, size // width


class TokenSelection:
    """The tokens that `model` sees from now on.

    shown: which they are.
    """

    def __init__(self, model: PreTrainedModel, tokens: Tokens, *, image: Image) -> None:
        """Put hooks on the model.

        Args:
            model: a video classifier.
            tokens: the contract's section, which the model can leave out.
            image: how its pixels are normalised.
        """
        self.shown = ALL
        self._is_on = True
        if tokens.share is None:
            return
        architecture = architecture_of(model)
        grid = token_grid(model)
        every = math.prod(grid)
        if tokens.rule == "moving":
            self.shown = Shown(moving=moving_count(tokens, every=every))
            self._show_moving(model, architecture, image, every=every)
            return
        self.shown = Shown(kept=tuple(kept_tokens(tokens, grid=grid)))
        self._keep_embeddings(model, architecture, every=every)
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
        kept = torch.tensor([*range(classes), *(classes + number for number in self.shown.kept or ())])

        def keep(_module: torch.nn.Module, _inputs: Any, embedded: torch.Tensor) -> torch.Tensor:
            return embedded[:, kept] if self._is_on and embedded.shape[1] == classes + every else embedded

        model.get_submodule(str(architecture.embeddings)).register_forward_hook(keep)

    def _show_moving(self, model: PreTrainedModel, architecture: Architecture, image: Image, *, every: int) -> None:
        patch, count = patch_of(model), int(self.shown.moving or 0)

        def show(_module: torch.nn.Module, inputs: tuple[Any, ...], embedded: torch.Tensor) -> torch.Tensor:
            if not self._is_on or embedded.shape[1] != every:
                return embedded
            numbers = moving_tokens(patches_of(grey_levels(inputs[0], image), patch), count=count)
            return embedded.gather(1, numbers[..., None].expand(-1, -1, embedded.shape[2]))

        model.get_submodule(str(architecture.embeddings)).register_forward_hook(show)

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
        self._kept = tuple(position[list(selection.shown.kept or ())] for position in self._every)

    def __call__(self, hidden: torch.Tensor, **_options: Any) -> tuple[torch.Tensor, ...]:
        return self._kept if hidden.shape[1] == len(self._selection.shown.kept or ()) else self._every


@contextmanager
def shown_position_embeddings(model: PreTrainedModel, shown: Shown) -> Iterator[None]:
    """Within, embeddings that add a position to each token add those of the kept ones; VideoMAE's and ViViT's do.

    Where each clip has its own they add nothing: `RawPatches` does.
    """
    architecture = architecture_of(model)
    module = None if shown == ALL else model.get_submodule(str(architecture.embeddings))
    before = getattr(module, "position_embeddings", None)
    if module is None or before is None:
        yield
        return
    classes = architecture.class_tokens
    if shown.kept is None:
        part = torch.zeros_like(before.detach()[:, :1])
    else:
        part = before.detach()[:, [*range(classes), *(classes + number for number in shown.kept)]]
    is_parameter = isinstance(before, torch.nn.Parameter)
    module.position_embeddings = torch.nn.Parameter(part, requires_grad=False) if is_parameter else part
    try:
        yield
    finally:
        module.position_embeddings = before
