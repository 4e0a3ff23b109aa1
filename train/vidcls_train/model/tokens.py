"""Which tokens a VideoMAE's encoder sees: part of the model, in its configuration and in use.

transformers' own pipeline knows nothing of it, and shows the encoder all of them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, VideoMAEConfig

from vidcls.contract import CONFIG_FIELD, Tokens, kept_tokens, tokens_text


def token_grid(config: VideoMAEConfig) -> tuple[int, int, int]:
    """How many tokens there are along time, height and width.

    >>> token_grid(VideoMAEConfig(num_frames=16, image_size=112, patch_size=16))
    (8, 7, 7)
    """
    side = config.image_size // config.patch_size
    return config.num_frames // config.tubelet_size, side, side


def use_tokens(model: PreTrainedModel, tokens: Tokens) -> None:
    """Let the encoder of a VideoMAE see these tokens alone, and its configuration say so.

    Where tokens are hidden already, as patch dropout does in training, it is left to that.

    >>> from transformers import VideoMAEForVideoClassification
    >>> config = VideoMAEConfig(hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48,
    ...     image_size=32, num_frames=4)
    >>> model = VideoMAEForVideoClassification(config).eval()
    >>> use_tokens(model, Tokens(rule="lattice", share=0.5))
    >>> model.videomae(torch.zeros(1, 4, 3, 32, 32)).last_hidden_state.shape
    torch.Size([1, 4, 24])
    """
    setattr(model.config, CONFIG_FIELD, tokens_text(tokens))
    if tokens.share is None:
        return
    grid = token_grid(model.config)
    kept = torch.tensor(kept_tokens(tokens, grid=grid))
    every = grid[0] * grid[1] * grid[2]

    def keep(_module: nn.Module, _inputs: Any, embedded: torch.Tensor) -> torch.Tensor:
        return embedded[:, kept.to(embedded.device)] if embedded.shape[1] == every else embedded

    model.videomae.embeddings.register_forward_hook(keep)
