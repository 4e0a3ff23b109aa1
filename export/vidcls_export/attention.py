"""Attention as one operator of onnxruntime's, `com.microsoft::MultiHeadAttention`.

onnxruntime finds layer norms and GELUs in a graph by itself when it opens it; attention as PyTorch
exports it, it does not find. So it is written into the graph as what it is, while it is traced.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.onnx import (  # type: ignore[attr-defined]
    register_custom_op_symbolic,
    symbolic_helper,
    unregister_custom_op_symbolic,
)
from transformers import AttentionInterface, PreTrainedModel

DOMAIN = "com.microsoft"

_ATTENTION = "vidcls_fused"
_OPERATOR = "vidcls::multi_head_attention"


@torch.library.custom_op(_OPERATOR, mutates_args=())
def multi_head_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int, scale: float
) -> torch.Tensor:
    """softmax(query key^T * scale) value per head, on float [B, tokens, heads * size], all three alike."""
    batch, tokens, width = query.shape
    q, k, v = (tensor.view(batch, tokens, heads, -1).transpose(1, 2) for tensor in (query, key, value))
    context = torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=scale)
    return context.transpose(1, 2).reshape(batch, tokens, width)


@contextmanager
def fused_attention(model: PreTrainedModel, *, opset: int) -> Iterator[None]:
    """Within, `model` is traced to onnxruntime's fused attention; afterwards all is as before."""
    before = model.config._attn_implementation
    AttentionInterface.register(_ATTENTION, _attention)
    register_custom_op_symbolic(_OPERATOR, _attention_symbolic, opset)
    model.set_attn_implementation(_ATTENTION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
        unregister_custom_op_symbolic(_OPERATOR, opset)


def _attention(
    module: torch.nn.Module,
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
    merged = [tensor.transpose(1, 2).reshape(batch, tokens, heads * size) for tensor in (query, key, value)]
    context = multi_head_attention(*merged, module.num_attention_heads, scaling)
    return context.reshape(batch, tokens, heads, size), None


@symbolic_helper.parse_args("v", "v", "v", "i", "f")
def _attention_symbolic(graph: Any, query: Any, key: Any, value: Any, heads: int, scale: float) -> Any:
    context = graph.op(f"{DOMAIN}::MultiHeadAttention", query, key, value, num_heads_i=heads, scale_f=scale)
    context.setType(query.type())
    return context
