"""Attention as one operator of onnxruntime, `com.microsoft::MultiHeadAttention`.

onnxruntime fuses layer norms and GELUs by itself when it opens a graph, but not attention as PyTorch exports it. So
attention is written into the graph as one operator while it is traced.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch.onnx import (  # type: ignore[attr-defined]
    register_custom_op_symbolic,
    symbolic_helper,
    unregister_custom_op_symbolic,
)
from transformers import AttentionInterface, PreTrainedModel
from transformers.models.timesformer.modeling_timesformer import TimesformerSelfAttention
from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2RopeAttention

DOMAIN = "com.microsoft"

_ATTENTION = "vidcls_fused"
_OPERATOR = "vidcls::multi_head_attention"


@torch.library.custom_op(_OPERATOR, mutates_args=())
def multi_head_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int, scale: float
) -> torch.Tensor:
    """softmax(query key^T * scale) value per head, on float [B, tokens, heads * size].

    Keys and values have the same tokens, which need not be the queries'.
    """
    batch, tokens, width = query.shape
    q, k, v = (tensor.view(batch, tensor.shape[1], heads, -1).transpose(1, 2) for tensor in (query, key, value))
    context = torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=scale)
    return context.transpose(1, 2).reshape(batch, tokens, width)


@contextmanager
def fused_attention(model: PreTrainedModel, *, opset: int) -> Iterator[None]:
    """Within, `model` is traced to onnxruntime's fused attention; afterwards all is as before."""
    before = model.config._attn_implementation
    own = [module for module in model.modules() if isinstance(module, TimesformerSelfAttention)]
    AttentionInterface.register(_ATTENTION, _attention)
    register_custom_op_symbolic(_OPERATOR, _attention_symbolic, opset)
    model.config._attn_implementation = _ATTENTION  # its setter asks some models whether they have been tested with it
    for module in own:
        module.forward = partial(_timesformer_attention, module)
    try:
        yield
    finally:
        model.config._attn_implementation = before
        unregister_custom_op_symbolic(_OPERATOR, opset)
        for module in own:
            del module.forward


@contextmanager
def constant_positions(model: PreTrainedModel) -> Iterator[None]:
    """Within, V-JEPA 2's attentions know where their tokens lie, instead of counting them at every run."""
    rotating = [
        module
        for module in model.modules()
        if isinstance(module, VJEPA2RopeAttention) and "get_position_ids" not in vars(module)  # which would be constant
    ]
    for module in rotating:
        tokens = module.grid_depth * module.grid_size**2
        positions = module.get_position_ids(torch.empty(1, tokens, 0))
        module.get_position_ids = partial(_given, positions)
    try:
        yield
    finally:
        for module in rotating:
            del module.get_position_ids


def _given(positions: tuple[torch.Tensor, ...], *_arguments: Any, **_options: Any) -> tuple[torch.Tensor, ...]:
    return positions


def _attention(
    _module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    **_options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it: float [B, heads, tokens, size] -> [B, tokens, heads, size]."""
    if attention_mask is not None:
        raise ValueError("the fused attention takes no mask")
    batch, heads, tokens, size = query.shape
    merged = [tensor.transpose(1, 2).reshape(batch, -1, heads * size) for tensor in (query, key, value)]
    context = multi_head_attention(*merged, heads, scaling)
    return context.reshape(batch, tokens, heads, size), None


def _timesformer_attention(
    module: TimesformerSelfAttention, hidden_states: torch.Tensor, output_attentions: bool
) -> tuple[torch.Tensor]:
    """TimeSformer's attention, which does not go through transformers' interface."""
    if output_attentions:
        raise ValueError("the fused attention has no attention weights to return")
    query, key, value = module.qkv(hidden_states).chunk(3, dim=-1)
    return (multi_head_attention(query, key, value, module.num_heads, module.scale),)


@symbolic_helper.parse_args("v", "v", "v", "i", "f")
def _attention_symbolic(graph: Any, query: Any, key: Any, value: Any, heads: int, scale: float) -> Any:
    context = graph.op(f"{DOMAIN}::MultiHeadAttention", query, key, value, num_heads_i=heads, scale_f=scale)
    context.setType(query.type())
    return context
