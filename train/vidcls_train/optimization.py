"""What the optimizer does to which weight: layer-wise learning rates, and decay for matrices alone."""

from __future__ import annotations

import re
from typing import Any

from transformers import PreTrainedModel

_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")


def parameter_groups(
    model: PreTrainedModel, *, learning_rate: float, layer_decay: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Groups for an optimizer of all weights that are trained.

    The head learns at `learning_rate`, each encoder layer `layer_decay` times as fast as the one above it, the patch
    embedding as if it were one layer more. Biases and norms, which are vectors, do not decay.
    """
    layers = model.config.num_hidden_layers
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        below_head = _layers_below_head(name, layers)
        decays = weight.ndim > 1
        group = groups.setdefault(
            (below_head, decays),
            {
                "params": [],
                "lr": learning_rate * layer_decay**below_head,
                "weight_decay": weight_decay if decays else 0.0,
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
