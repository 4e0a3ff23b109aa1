"""What the optimizer does to which weight: layer-wise learning rates, decay and orthogonal steps for matrices alone."""

from __future__ import annotations

import re
from typing import Any, Literal

import torch
from transformers import PreTrainedModel

from vidcls_train.hybrid.videomae_hybrid import MODEL_TYPE
from vidcls_train.trainer.muon import Muon

_OPTIMIZERS: dict[str, type[torch.optim.AdamW]] = {"adamw": torch.optim.AdamW, "muon": Muon}

# Tokens and positions that are weights, as the authors' own code leaves them without decay.
_TABLES = ("cls_token", "position_embeddings", "time_embeddings", "query_tokens")

# Of a hybrid: its picture network.
_NETWORK = "videomae.embeddings.patch_embeddings.network."

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

    The head learns at `learning_rate`, V-JEPA 2's pooler being part of it, each encoder layer `layer_decay` times as
    fast as the one above it, patch embedding, class token and learned positions as if they were one layer more. Biases
    and norms, which are vectors, do not decay, nor do tokens and positions, which are no maps. "orthogonal" are the
    matrices of encoder and decoder layers: what maps tokens to tokens, and not pixels to tokens or tokens to labels.

    Of a hybrid only the picture network has learnt something before: it alone learns `layer_decay` times as fast.
    """
    is_hybrid = model.config.model_type == MODEL_TYPE
    layers = model.config.num_hidden_layers
    groups: dict[tuple[int, bool, bool], dict[str, Any]] = {}
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        if is_hybrid:
            below_head = int(name.startswith(_NETWORK))
        else:
            below_head = _layers_below_head(name, prefix=model.base_model_prefix, layers=layers)
        decays = weight.ndim > 1 and not name.endswith(_TABLES)
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


def _layers_below_head(name: str, *, prefix: str, layers: int) -> int:
    """prefix: of the encoder's weights; what lies outside of it belongs to the head."""
    if ".embeddings." in name:
        return layers + 1
    match = _LAYER.match(name.removeprefix(f"{prefix}."))
    return 0 if match is None else layers - int(match[1])
