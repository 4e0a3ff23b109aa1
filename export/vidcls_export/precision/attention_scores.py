"""The largest |score| of a fused attention: what its softmax gets, which is no tensor of the graph.

All scores of all heads are tokens x tokens x heads numbers, 4 GiB for 8192 tokens and 16 heads. No row is longer than
the longest, so |query||key| bounds them (Cauchy-Schwarz) at the price of two norms a token. Only where that does not
fit are they computed, one head at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper


def score_magnitude(attention: NodeProto, name: str, *, largest: float) -> list[NodeProto]:
    """Operators that make `name`, float32 []: the largest |score|, or a number from it to `largest`.

    Args:
        attention: com.microsoft::MultiHeadAttention of query, key and value [B, tokens, heads * size].
        name: what to call the result; names of what is computed on the way begin with it.
        largest: up to here a bound will do.
    """
    settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in attention.attribute}
    scale = abs(float(settings["scale"]))
    nodes = [_constant(f"{name}_split", np.array([0, 0, settings["num_heads"], -1], np.int64))]
    for role, tensor in zip(("query", "key"), attention.input, strict=False):
        part = f"{name}_{role}"
        nodes += [
            helper.make_node("Reshape", [tensor, f"{name}_split"], [part]),  # [B, tokens, heads, size]
            *_reduced("ReduceL2", part, f"{part}_norms", axes=[3]),
            *_reduced("ReduceMax", f"{part}_norms", f"{part}_norm", axes=[0, 1]),  # [heads]
        ]
    return [
        *nodes,
        helper.make_node("Mul", [f"{name}_query_norm", f"{name}_key_norm"], [f"{name}_bounds"]),
        *_scaled_maximum(f"{name}_bounds", f"{name}_bound", scale=scale),
        _constant(f"{name}_largest", np.array(largest, np.float32)),
        helper.make_node("LessOrEqual", [f"{name}_bound", f"{name}_largest"], [f"{name}_fits"]),
        helper.make_node(
            "If",
            [f"{name}_fits"],
            [name],
            then_branch=_branch([helper.make_node("Identity", [f"{name}_bound"], [f"{name}_then"])], f"{name}_then"),
            else_branch=_branch(_exact_nodes(name, scale=scale), f"{name}_exact"),
        ),
    ]


def _exact_nodes(name: str, *, scale: float) -> list[NodeProto]:
    """Operators that make `{name}_exact` of `{name}_query` and `{name}_key`."""
    query, key, scores = f"{name}_query_head", f"{name}_key_head", f"{name}_scores"
    body = helper.make_graph(
        [
            helper.make_node("MatMul", [query, key], [scores]),  # [B, tokens, tokens] of one head
            *magnitude_nodes(scores, f"{name}_head"),
        ],
        "one_head",
        [helper.make_tensor_value_info(part, TensorProto.FLOAT, None) for part in (query, key)],
        [helper.make_tensor_value_info(f"{name}_head", TensorProto.FLOAT, [])],
    )
    return [
        helper.make_node("Transpose", [f"{name}_query"], [f"{name}_query_heads"], perm=[2, 0, 1, 3]),
        helper.make_node("Transpose", [f"{name}_key"], [f"{name}_key_heads"], perm=[2, 0, 3, 1]),
        helper.make_node(
            "Scan", [f"{name}_query_heads", f"{name}_key_heads"], [f"{name}_heads"], body=body, num_scan_inputs=2
        ),
        *_scaled_maximum(f"{name}_heads", f"{name}_exact", scale=scale),
    ]


def magnitude_nodes(tensor: str, name: str) -> list[NodeProto]:
    """Operators that make `name`, float32 []: the largest |number| of a float32 tensor, of which no copy is made."""
    return [
        *_reduced("ReduceMax", tensor, f"{name}_highest"),
        *_reduced("ReduceMin", tensor, f"{name}_lowest"),
        helper.make_node("Neg", [f"{name}_lowest"], [f"{name}_negated"]),
        helper.make_node("Max", [f"{name}_highest", f"{name}_negated"], [name]),
    ]


def _scaled_maximum(tensor: str, name: str, *, scale: float) -> list[NodeProto]:
    return [
        *_reduced("ReduceMax", tensor, f"{name}_unscaled"),
        _constant(f"{name}_scale", np.array(scale, np.float32)),
        helper.make_node("Mul", [f"{name}_unscaled", f"{name}_scale"], [name]),
    ]


def _reduced(kind: str, tensor: str, name: str, *, axes: Sequence[int] = ()) -> list[NodeProto]:
    """A reduction over some axes, or over all of them without any."""
    if not axes:
        return [helper.make_node(kind, [tensor], [name], keepdims=0)]
    axes_name = f"{name}_axes"
    return [
        _constant(axes_name, np.array(axes, np.int64)),
        helper.make_node(kind, [tensor, axes_name], [name], keepdims=0),
    ]


def _constant(name: str, value: npt.ArrayLike) -> NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(value)))


def _branch(nodes: Sequence[NodeProto], output: str) -> GraphProto:
    return helper.make_graph(list(nodes), output, [], [helper.make_tensor_value_info(output, TensorProto.FLOAT, [])])
