"""fp32 graph -> int8 graph for CPUs: the linear maps multiply bytes, everything between them stays float32.

Activations are unsigned, with a range found anew at every run, so that no calibration clips can be the wrong ones.
Weights are those of `int8_weights`.

Attention stays in float, and so does the classifier at the end: it has few of the weights, and its error would go
into the logits as it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from vidcls_export.graph.pixels import GREY, SCALE, patch_chain
from vidcls_export.precision.int8_weights import PATCH_SCALES, PATCHES, patch_weights
from vidcls_export.precision.tables import store_tables_in_fp16
from vidcls_export.quiet import quiet


def to_int8_dynamic(proto: onnx.ModelProto, *, scratch: Path) -> onnx.ModelProto:
    """The fp32 graph in int8; changes `proto` in place.

    Args:
        proto: a graph as `trace` makes it.
        scratch: a folder with room for the graph.

    Raises:
        ModelError: the patch embedding is not where it is expected.
    """
    _quantize_patches(proto.graph)
    # The one product with a bias of its own, which is split off before products are quantized.
    classifier = [f"{node.name}_MatMul" for node in proto.graph.node if node.op_type == "Gemm"]
    file = scratch / "int8.onnx"
    with quiet():
        quantize_dynamic(
            proto,
            file,
            op_types_to_quantize=["MatMul"],  # those with constant weights, which attention's have not
            nodes_to_exclude=classifier,
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": TensorProto.FLOAT},  # it cannot infer that of the fused attention
        )
    converted = onnx.load(file)
    file.unlink()
    store_tables_in_fp16(converted.graph)
    del converted.graph.value_info[:]
    return converted


def _quantize_patches(graph: onnx.GraphProto) -> None:
    """Multiply the patches as the bytes they are, so that only the weights are rounded."""
    chain = patch_chain(graph)
    if not chain:
        return
    cast, product = chain[0], chain[-1]
    weights = next(tensor for tensor in graph.initializer if tensor.name == product.input[1])
    values = numpy_helper.to_array(weights)
    whole, scales = patch_weights(values.astype(np.float64))
    name = product.output[0]
    constants = {
        PATCHES: whole,
        "grey": np.uint8(GREY),
        "zero": np.int8(0),
        PATCH_SCALES: (scales / SCALE).astype(np.float32),
    }
    names = {key: f"{weights.name}_{key}" for key in constants}
    inputs = [cast.input[0], names[PATCHES], names["grey"], names["zero"]]
    replacement = [
        helper.make_node("MatMulInteger", inputs, [f"{name}_integers"], name=f"{product.name}_integers"),
        helper.make_node("Cast", [f"{name}_integers"], [f"{name}_cast"], name=f"{name}_cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}_cast", names[PATCH_SCALES]], [name], name=f"{name}_scaled"),
    ]
    nodes = list(graph.node)
    start = nodes.index(cast)
    kept = [node for node in nodes if node not in chain]
    del graph.node[:]
    graph.node.extend([*kept[:start], *replacement, *kept[start:]])
    graph.initializer.remove(weights)
    graph.initializer.extend(numpy_helper.from_array(np.asarray(constants[key]), names[key]) for key in constants)
