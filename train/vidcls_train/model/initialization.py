"""Structured initialization: before it has learnt anything, a fresh encoder attends to neighbours in space and time.

A vision transformer has to learn from its clips that neighbouring patches belong together, which few clips cannot teach
it. Random weights that already attend there learn more from few clips, and can still learn to attend elsewhere. Ideas:
Zheng et al., "Structured Initialization for Attention in Vision Transformers" (arXiv 2404.01139), for queries and keys;
Trockman and Kolter, "Mimetic Initialization of Self-Attention Layers" (arXiv 2305.09828), for values.
"""

from __future__ import annotations

import math

import torch
from transformers import VideoMAEConfig, VideoMAEModel

# The neighbours that heads attend to, one after the other: (tubelets, rows, columns) away.
_NEIGHBOURS = ((0, 0, -1), (0, 0, 1), (-1, 0, 0), (0, -1, 0), (0, 1, 0), (1, 0, 0))

# Logit of the neighbour, with the others' spread around 0: attention is there for the most part, but not alone.
_PEAK = 6.0

# Of the randomness beside what is set, as transformers draws weights.
_NOISE = 0.02

# What a layer adds is first its input, this many times and negated, plus noise as large.
_VALUE_SHARE = 0.4


@torch.no_grad()
def initialize_attention(encoder: VideoMAEModel) -> None:
    """Set the attention's weights of a fresh encoder, in place; random numbers come from torch's global generator.

    Example:
        >>> config = VideoMAEConfig(
        ...     hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48, image_size=32
        ... )
        >>> encoder = VideoMAEModel(config)
        >>> initialize_attention(encoder)
        >>> encoder.encoder.layer[0].attention.attention.query.weight.shape
        torch.Size([24, 24])
    """
    config = encoder.config
    offsets = [_tokens_away(neighbour, config) for neighbour in _NEIGHBOURS]
    heads, size = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    for number, layer in enumerate(encoder.encoder.layer):
        attention, output = layer.attention.attention, layer.attention.output.dense
        pairs = [
            _query_and_key(offsets[(number * heads + head) % len(offsets)], width=config.hidden_size, head_size=size)
            for head in range(heads)
        ]
        for linear, rows in zip((attention.query, attention.key), zip(*pairs, strict=True), strict=True):
            linear.weight.copy_(torch.cat(rows) + _NOISE * torch.randn(heads * size, config.hidden_size))
        value, projection = _value_and_projection(config.hidden_size)
        attention.value.weight.copy_(value)
        output.weight.copy_(projection)


def _tokens_away(neighbour: tuple[int, int, int], config: VideoMAEConfig) -> int:
    """How many tokens further a neighbour is: VideoMAE counts them through, by time, row and column."""
    side: int = config.image_size // config.patch_size
    tubelets, rows, columns = neighbour
    return (tubelets * side + rows) * side + columns


def _query_and_key(offset: int, *, width: int, head_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [head_size, width] of a head's query and key, so that token i attends to token i + offset.

    VideoMAE adds to token i, for each frequency w, the pair sin(w i) and cos(w i). The query turns that pair by
    w * offset, the key takes it as it is: their product is the sum of cos(w (i + offset - j)), largest at
    j = i + offset. A head has room for the highest frequencies, which tell near tokens apart.
    """
    query, key = torch.zeros(head_size, width), torch.eye(head_size, width)
    for sine in range(0, head_size - 1, 2):
        angle = offset / 10000 ** (sine / width)
        query[sine, sine] = query[sine + 1, sine + 1] = math.cos(angle)
        query[sine, sine + 1] = math.sin(angle)
        query[sine + 1, sine] = -math.sin(angle)
    # After the norm before it a pair has length sqrt(2), if it is most of the token: head_size of them, over its root.
    scale = math.sqrt(_PEAK / math.sqrt(head_size))
    return scale * query, scale * key


def _value_and_projection(width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [width, width] whose product is noise less the identity, each with half of its singular values."""
    product = _VALUE_SHARE * (torch.randn(width, width) / math.sqrt(width) - torch.eye(width))
    left, values, right = torch.linalg.svd(product)
    root = values.sqrt()
    return root[:, None] * right, left * root
