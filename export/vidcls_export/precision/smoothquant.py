"""SmoothQuant (Xiao et al., 2022, arXiv:2211.10438), equation 4, at a migration strength of 0.5.

What goes into a linear map often has few channels that are much larger than the others, whose range would leave the
others a few levels. Where a LayerNormalization makes it, part of the channels' size moves into the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, numpy_helper

from vidcls_export.precision.calibration import ChannelRanges

_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, kw_only=True)
class Smoothed:
    """What static int8 quantizes.

    ranges: {tensor that linear maps read: its range in each channel}.
    matrices: {name of a linear map: its weights float64 [in, out]}.
    """

    ranges: dict[str, ChannelRanges]
    matrices: dict[str, npt.NDArray[np.float64]]


def smooth(
    graph: onnx.GraphProto,
    linear_maps: Mapping[str, Sequence[NodeProto]],
    ranges: Mapping[str, ChannelRanges],
    matrices: Mapping[str, npt.NDArray[np.float64]],
) -> Smoothed:
    """Move part of the channels' size from activations into weights.

    Args:
        graph: gets other scales and offsets in the norms, in place; its matrices are left to the caller.
        linear_maps: {tensor: the products that read it}.
        ranges: {tensor: its range in each channel}.
        matrices: {name of a product: its weights [in, out]}.
    """
    new_ranges, new_matrices = dict(ranges), dict(matrices)
    for name, products in linear_maps.items():
        norm = _norm_for(graph, name, products)
        if norm is None:
            continue
        factors = _factors(ranges[name], [matrices[product.name] for product in products])
        _divide_norm(graph, norm, factors)
        new_ranges[name] = ChannelRanges(ranges[name].low / factors, ranges[name].high / factors)
        new_matrices |= {product.name: matrices[product.name] * factors[:, None] for product in products}
    return Smoothed(ranges=new_ranges, matrices=new_matrices)


def _norm_for(graph: onnx.GraphProto, name: str, products: Sequence[NodeProto]) -> NodeProto | None:
    """The LayerNormalization that makes `name` for `products` alone; None where another node makes or reads it."""
    makers = [node for node in graph.node if name in node.output]
    readers = [node for node in graph.node if name in node.input]
    if len(readers) != len(products) or not makers or makers[0].op_type != "LayerNormalization":
        return None
    return makers[0] if all(_constant(graph, part) is not None for part in makers[0].input[1:]) else None


def _constant(graph: onnx.GraphProto, name: str) -> npt.NDArray[np.float32] | None:
    """The values of a constant, also behind an Identity; None where it is computed."""
    for node in graph.node:
        if name in node.output:
            return _constant(graph, node.input[0]) if node.op_type == "Identity" else None
    return next((numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name == name), None)


def _factors(ranges: ChannelRanges, matrices: Sequence[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """What to divide each channel by, and multiply its row of the weights with: float64 [channels]."""
    size = np.maximum(np.abs(ranges.low), np.abs(ranges.high))
    weight = np.max([np.abs(matrix).max(axis=1) for matrix in matrices], axis=0)
    usable = (size > _SMALLEST) & (weight > _SMALLEST)  # else there is nothing to divide or multiply
    factors = np.ones_like(size)
    factors[usable] = np.sqrt(size[usable] / weight[usable])
    # How large they are together changes nothing; near 1 they keep the norm's own numbers as they were.
    return np.asarray(factors / np.exp(np.log(factors).mean()))


def _divide_norm(graph: onnx.GraphProto, norm: NodeProto, factors: npt.NDArray[np.float64]) -> None:
    for position in range(1, len(norm.input)):
        values = _constant(graph, norm.input[position])
        assert values is not None  # noqa: S101 - `_norm_for` takes no other norms
        name = f"{norm.name}_{position}_smoothed"  # the norm's own may be shared with others
        graph.initializer.append(numpy_helper.from_array((values / factors).astype(np.float32), name))
        norm.input[position] = name
