"""fp32 graph -> int8 graph in standard ONNX: QuantizeLinear and DequantizeLinear around every linear map.

This is the form in which OpenVINO, TensorRT and other compilers know quantized models. Unlike in `int8`, the
ranges of activations are fixed, so they have to be found on real clips; a clip's answer then does not depend on
what else is in its batch.

Weights are signed with a scale per output channel and 7 bits of range, for the reason that `int8` gives.
Attention and the classifier stay in float.

What goes into a linear map often has few channels that are much larger than the others, whose range would leave the
others a few levels. Where a LayerNormalization makes it, part of the channels' size moves into the weights:
SmoothQuant (Xiao et al., 2022, arXiv:2211.10438), equation 4, at a migration strength of 0.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, helper, numpy_helper

from vidcls.errors import ModelError
from vidcls_export.graph.pixels import GREY, SCALE
from vidcls_export.precision.calibration import observe
from vidcls_export.precision.int8_dynamic import column_scales, patch_chain, patch_weights, store_tables_in_fp16

_LEVELS = 255  # of an unsigned byte, but for the lowest
_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class _Channels:
    """Smallest and largest value of a tensor in each channel, on all clips: float64 [channels]."""

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]


def to_qdq(proto: onnx.ModelProto, clips: Iterable[npt.NDArray[np.uint8]], *, scratch: Path) -> onnx.ModelProto:
    """The fp32 graph in int8; changes `proto` in place.

    Args:
        proto: a graph of standard operators.
        clips: cropped frames uint8 [1, T, H, W, 3] to find the ranges on.
        scratch: a folder with room for the graph.

    Raises:
        ModelError: there is no clip.
    """
    patches = _patches_as_bytes(proto.graph)
    products = [product for product in _linear_maps(proto.graph) if product.name != patches.name]
    by_input: dict[str, list[NodeProto]] = {}
    for product in products:
        by_input.setdefault(product.input[0], []).append(product)
    channels = _channel_ranges(proto, list(by_input), clips, scratch=scratch)
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    matrices = {
        product.name: numpy_helper.to_array(weights[product.input[1]]).astype(np.float64) for product in products
    }
    for name, users in by_input.items():
        norm = _norm_for(proto.graph, name, users)
        if norm is None:
            continue
        factors = _smoothing(channels[name], [matrices[user.name] for user in users])
        _divide_norm(proto.graph, norm, factors)
        matrices |= {user.name: matrices[user.name] * factors[:, None] for user in users}
        channels[name] = _Channels(channels[name].low / factors, channels[name].high / factors)
    matrices[patches.name] = numpy_helper.to_array(weights[patches.input[1]]).astype(np.float64)
    nodes = []
    done = {patches.input[0]}
    for node in proto.graph.node:
        if node.name in matrices:
            name = node.input[0]
            if name not in done:
                nodes += _quantize_activation(proto.graph, name, channels[name])
                done.add(name)
            in_bytes = patch_weights if node.name == patches.name else _rounded
            weight, dequantize = _dequantized(proto.graph, node, *in_bytes(matrices[node.name]))
            nodes.append(dequantize)
            node.input[:] = [name if node.name == patches.name else f"{name}_dequantized", weight]
        nodes.append(node)
    kept = list(nodes)
    del proto.graph.node[:], proto.graph.value_info[:]
    proto.graph.node.extend(kept)
    used = {name for node in kept for name in node.input}
    for index in reversed(range(len(proto.graph.initializer))):
        if proto.graph.initializer[index].name not in used:
            del proto.graph.initializer[index]
    store_tables_in_fp16(proto.graph)
    return proto


def _patches_as_bytes(graph: onnx.GraphProto) -> NodeProto:
    """Make what turns bytes into the patches' numbers the DequantizeLinear that it is; returns their product."""
    cast, *between, product = patch_chain(graph)
    constants = {"scale": np.float32(1 / SCALE), "zero": np.uint8(GREY)}
    names = [f"{product.name}_{part}" for part in constants]
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in zip(names, constants.values(), strict=True)
    )
    name = f"{product.name}_dequantized"
    cast.CopyFrom(helper.make_node("DequantizeLinear", [cast.input[0], *names], [name], name=name))
    product.input[0] = name
    for node in between:
        graph.node.remove(node)
    return product


def _linear_maps(graph: onnx.GraphProto) -> list[NodeProto]:
    """Products of a computed tensor with a constant matrix."""
    constants = {tensor.name for tensor in graph.initializer}
    return [node for node in graph.node if node.op_type == "MatMul" and node.input[1] in constants]


def _channel_ranges(
    proto: onnx.ModelProto, tensors: list[str], clips: Iterable[npt.NDArray[np.uint8]], *, scratch: Path
) -> dict[str, _Channels]:
    """{tensor: its range in each channel on the clips}, the channels being the last axis."""
    nodes = [
        step
        for tensor in tensors
        for step in (
            helper.make_node("Constant", [], [f"{tensor}_rows"], value_ints=[-1, _width(proto.graph, tensor)]),
            helper.make_node("Reshape", [tensor, f"{tensor}_rows"], [f"{tensor}_flat"]),
            helper.make_node("Constant", [], [f"{tensor}_axis"], value_ints=[0]),
            helper.make_node("ReduceMin", [f"{tensor}_flat", f"{tensor}_axis"], [f"{tensor}_low"], keepdims=0),
            helper.make_node("ReduceMax", [f"{tensor}_flat", f"{tensor}_axis"], [f"{tensor}_high"], keepdims=0),
        )
    ]
    outputs = [f"{tensor}_{end}" for tensor in tensors for end in ("low", "high")]
    clips_seen = list(observe(proto, clips, nodes=nodes, outputs=outputs, scratch=scratch))
    if not clips_seen:
        raise ModelError("there is no readable clip to find the ranges of int8 on")
    return {
        tensor: _Channels(
            np.min([seen[f"{tensor}_low"] for seen in clips_seen], axis=0).astype(np.float64),
            np.max([seen[f"{tensor}_high"] for seen in clips_seen], axis=0).astype(np.float64),
        )
        for tensor in tensors
    }


def _width(graph: onnx.GraphProto, tensor: str) -> int:
    """How many channels `tensor` has, which the matrix it is multiplied with has as rows."""
    matrix = next(node.input[1] for node in graph.node if node.op_type == "MatMul" and node.input[0] == tensor)
    return int(next(constant.dims[0] for constant in graph.initializer if constant.name == matrix))


def _norm_for(graph: onnx.GraphProto, name: str, users: list[NodeProto]) -> NodeProto | None:
    """The LayerNormalization that makes `name` for `users` alone; None where something else makes or reads it."""
    makers = [node for node in graph.node if name in node.output]
    readers = [node for node in graph.node if name in node.input]
    if len(readers) != len(users) or not makers or makers[0].op_type != "LayerNormalization":
        return None
    return makers[0] if all(_constant(graph, part) is not None for part in makers[0].input[1:]) else None


def _constant(graph: onnx.GraphProto, name: str) -> npt.NDArray[np.float32] | None:
    """The values of a constant, also of one that goes by another's name; None where it is computed."""
    for node in graph.node:
        if name in node.output:
            return _constant(graph, node.input[0]) if node.op_type == "Identity" else None
    return next((numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name == name), None)


def _smoothing(channels: _Channels, matrices: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """What to divide each channel by, and multiply its row of the weights with."""
    size = np.maximum(np.abs(channels.low), np.abs(channels.high))
    weight = np.max([np.abs(matrix).max(axis=1) for matrix in matrices], axis=0)
    usable = (size > _SMALLEST) & (weight > _SMALLEST)  # else the channel says nothing
    factors = np.ones_like(size)
    factors[usable] = np.sqrt(size[usable] / weight[usable])
    # How large they are together changes nothing; near 1 they keep the norm's own numbers as they were.
    return np.asarray(factors / np.exp(np.log(factors).mean()))


def _divide_norm(graph: onnx.GraphProto, norm: NodeProto, factors: npt.NDArray[np.float64]) -> None:
    for position in range(1, len(norm.input)):
        values = _constant(graph, norm.input[position])
        assert values is not None  # noqa: S101 - `_norm_for` has looked
        name = f"{norm.name}_{position}_smoothed"  # the norm's own may be shared with others
        graph.initializer.append(numpy_helper.from_array((values / factors).astype(np.float32), name))
        norm.input[position] = name


def _quantize_activation(graph: onnx.GraphProto, name: str, channels: _Channels) -> list[NodeProto]:
    low, high = min(0.0, float(channels.low.min())), max(0.0, float(channels.high.max()))  # 0 stays exact
    scale = max((high - low) / _LEVELS, _SMALLEST)
    constants = {"scale": np.float32(scale), "zero": np.uint8(np.clip(np.rint(-low / scale), 0, _LEVELS))}
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), f"{name}_{part}") for part, value in constants.items()
    )
    settings = [f"{name}_scale", f"{name}_zero"]
    quantized, dequantized = f"{name}_quantized", f"{name}_dequantized"
    return [
        helper.make_node("QuantizeLinear", [name, *settings], [quantized], name=quantized),
        helper.make_node("DequantizeLinear", [quantized, *settings], [dequantized], name=dequantized),
    ]


def _rounded(matrix: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    scales = column_scales(matrix)
    return np.rint(matrix / scales).astype(np.int8), scales


def _dequantized(
    graph: onnx.GraphProto, product: NodeProto, weights: npt.NDArray[np.int8], scales: npt.NDArray[np.float64]
) -> tuple[str, NodeProto]:
    """(name of the matrix that `product` is to multiply by, the node that makes it)."""
    name = product.output[0]
    constants: dict[str, npt.NDArray[Any]] = {"weights": weights, "scales": scales.astype(np.float32)}
    graph.initializer.extend(numpy_helper.from_array(value, f"{name}_{part}") for part, value in constants.items())
    inputs = [f"{name}_{part}" for part in constants]
    dequantized = f"{name}_weights_dequantized"
    return dequantized, helper.make_node("DequantizeLinear", inputs, [dequantized], name=dequantized, axis=1)
