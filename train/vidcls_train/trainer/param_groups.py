"""What the optimizer does to which weight: layer-wise learning rates, decay and orthogonal steps for matrices alone."""

from __future__ import annotations

import re
from typing import Any, Literal

import torch
from transformers import PreTrainedModel

from vidcls_train.trainer.muon import Muon

_OPTIMIZERS: dict[str, type[torch.optim.AdamW]] = {"adamw": torch.optim.AdamW, "muon": Muon}

_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")
_INNER = re.compile(r"(encoder\.layer|decoder_layers)\.\d+\.")


def make_optimizer(
    model: PreTrainedModel, kind: Literal["adamw", "muon"], *, betas: tuple[float, float], **groups: float
) -> torch.optim.AdamW:
    """An optimizer for all weights that are trained. betas: Adam's. groups: what `parameter_groups` takes."""
    return _OPTIMIZERS[kind](parameter_groups(model, **groups), betas=betas)


def parameter_groups(
    model: PreTrainedModel, *, learning_rate: float, layer_decay: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Groups for an optimizer of all weights that are trained.

    The head learns at `learning_rate`, each encoder layer `layer_decay` times as fast as the one above it, the patch
    embedding as if it were one layer more. Biases and norms, which are vectors, do not decay. "orthogonal" are the
    matrices of encoder and decoder layers: what maps tokens to tokens, and not pixels to tokens or tokens to labels.
    """
    layers = model.config.num_hidden_layers
    groups: dict[tuple[int, bool, bool], dict[str, Any]] = {}
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        below_head = _layers_below_head(name, layers)
        decays = weight.ndim > 1
        inner = weight.ndim == 2 and _INNER.search(name) is not None
        group = groups.setdefault(
            (below_head, decays, inner),
            {
                "params": [],
                "lr": learning_rate * layer_decay**below_head,
                "weight_decay": weight_decay if decays else 0.0,
                "orthogonal": inner,
            },
        )
        group["params"].append(weight)
    return list(groups.values())


def _layers_below_head(name: str, layers: int) -> int:
    if ".embeddings." in name:
        return layers + 1
    match = _LAYER.search(name)
    in_encoder = match is not None and name.startswith("videomae.")
    return layers - int(match[1]) if match is not None and in_encoder else 0
