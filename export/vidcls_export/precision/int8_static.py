"""fp32 graph -> int8 graph in standard ONNX: QuantizeLinear and DequantizeLinear around every linear map.

This is the form in which OpenVINO, TensorRT and other compilers know quantized models. Unlike in `int8_dynamic`, the
ranges of activations are fixed, so they are calibrated on real clips; a clip's answer then does not depend on what
else is in its batch. Weights are those of `int8_weights`, after `smoothquant`.

Attention and the classifier stay in float.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, helper, numpy_helper

from vidcls_export.graph.pixels import GREY, SCALE, patch_chain
from vidcls_export.graph.unused import drop_unused_constants
from vidcls_export.precision.calibration import ChannelRanges, channel_ranges
from vidcls_export.precision.int8_weights import patch_weights, round_weights
from vidcls_export.precision.smoothquant import smooth
from vidcls_export.precision.tables import store_tables_in_fp16

# Whole numbers [in, out] and a scale for each column [out].
_Int8: TypeAlias = tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]

_LEVELS = 255  # of an unsigned byte, but for the lowest
_SMALLEST = float(np.finfo(np.float32).tiny)


def to_int8_static(proto: onnx.ModelProto, clips: Iterable[npt.NDArray[np.uint8]], *, scratch: Path) -> None:
    """Convert the fp32 graph to int8, in place.

    Args:
        proto: a graph of standard operators, as `trace` makes it.
        clips: cropped frames uint8 RGB [1, T, H, W, 3] to calibrate on.
        scratch: a folder with room for the graph.

    Raises:
        ModelError: there is no clip, or the patch embedding is not where it is expected.
    """
    graph = proto.graph
    patches = _dequantize_patches(graph)
    linear_maps = _linear_maps(graph, without=patches)
    widths = {name: _matrix(graph, products[0]).shape[0] for name, products in linear_maps.items()}
    ranges = channel_ranges(proto, widths, clips, scratch=scratch)
    matrices = {
        product.name: _matrix(graph, product).astype(np.float64)
        for products in linear_maps.values()
        for product in products
    }
    smoothed = smooth(graph, linear_maps, ranges, matrices)
    weights = {name: round_weights(matrix) for name, matrix in smoothed.matrices.items()}
    if patches is not None:
        weights[patches.name] = patch_weights(_matrix(graph, patches).astype(np.float64))
    _quantize(graph, weights, smoothed.ranges, patches=patches)
    drop_unused_constants(graph)
    store_tables_in_fp16(graph)


def _dequantize_patches(graph: onnx.GraphProto) -> NodeProto | None:
    """Put one DequantizeLinear in place of what makes numbers of the patches' bytes; returns their product, if any."""
    chain = patch_chain(graph)
    if not chain:
        return None
    cast, *between, product = chain
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


def _linear_maps(graph: onnx.GraphProto, *, without: NodeProto | None) -> dict[str, list[NodeProto]]:
    """{computed tensor: the products that multiply it with a constant matrix}, but for the product `without`."""
    constants = {tensor.name for tensor in graph.initializer}
    found: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in constants and node != without:
            found.setdefault(node.input[0], []).append(node)
    return found


def _matrix(graph: onnx.GraphProto, product: NodeProto) -> npt.NDArray[np.float32]:
    """The constant [in, out] that a linear map multiplies by."""
    return next(numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name == product.input[1])


def _quantize(
    graph: onnx.GraphProto,
    weights: Mapping[str, _Int8],
    ranges: Mapping[str, ChannelRanges],
    *,
    patches: NodeProto | None,
) -> None:
    """Quantize and dequantize both sides of the products named in `weights`, in place; `patches` reads bytes."""
    nodes = []
    quantized = set()
    for node in graph.node:
        if node.name in weights:
            name = node.input[0]
            if node != patches and name not in quantized:
                nodes += _quantize_activation(graph, name, ranges[name])
                quantized.add(name)
            matrix, dequantize = _dequantize_weights(graph, node, *weights[node.name])
            nodes.append(dequantize)
            node.input[:] = [name if node == patches else f"{name}_dequantized", matrix]
        nodes.append(node)
    kept = list(nodes)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(kept)


def _quantize_activation(graph: onnx.GraphProto, name: str, ranges: ChannelRanges) -> list[NodeProto]:
    """The operators that round the tensor `name` to bytes; adds their constants to the graph."""
    low, high = min(0.0, float(ranges.low.min())), max(0.0, float(ranges.high.max()))  # 0 stays exact
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


def _dequantize_weights(
    graph: onnx.GraphProto, product: NodeProto, weights: npt.NDArray[np.int8], scales: npt.NDArray[np.float64]
) -> tuple[str, NodeProto]:
    """(name of the matrix that `product` is to multiply by, the node that makes it); adds its constants."""
    name = product.output[0]
    constants: dict[str, npt.NDArray[Any]] = {"weights": weights, "scales": scales.astype(np.float32)}
    graph.initializer.extend(numpy_helper.from_array(value, f"{name}_{part}") for part, value in constants.items())
    inputs = [f"{name}_{part}" for part in constants]
    dequantized = f"{name}_weights_dequantized"
    return dequantized, helper.make_node("DequantizeLinear", inputs, [dequantized], name=dequantized, axis=1)
