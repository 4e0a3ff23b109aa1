"""fp32 graph -> int8 graph for CPUs: the linear maps multiply bytes, everything between them stays float32.

Weights are signed, with a scale per output channel and 7 bits of range; activations are unsigned, with
a range found anew at every run, so that no calibration clips can be the wrong ones.

Why 7 bits: x86 processors without VNNI sum products of bytes in pairs in 16 bits, where 2 * 255 * 127
does not fit and is cut off without a word. 2 * 255 * 64 fits, so every processor computes the same
integers, at the price of one bit.

Attention stays in float, and so does the classifier at the end: few of the weights, and its error would
go into the logits as it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from vidcls.errors import ModelError
from vidcls_export.graph.pixels import GREY, SCALE
from vidcls_export.quiet import quiet

LARGEST_WEIGHT = 64

# Tables of more numbers, such as the positions', are stored in fp16: onnxruntime widens them once, as it loads.
_LARGE_TABLE = 4096


def to_int8(proto: onnx.ModelProto, *, scratch: Path) -> onnx.ModelProto:
    """The fp32 graph in int8; changes `proto` in place. scratch: a folder with room for the graph."""
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
            extra_options={"DefaultTensorType": TensorProto.FLOAT},  # it cannot tell that of the fused attention
        )
    converted = onnx.load(file)
    file.unlink()
    store_tables_in_fp16(converted.graph)
    del converted.graph.value_info[:]
    return converted


def patch_chain(graph: onnx.GraphProto) -> list[NodeProto]:
    """The operators from the bytes of the patches on: Cast, Sub, Mul and the MatMul with the patch embedding.

    Raises:
        ModelError: there are others.
    """
    nodes = list(graph.node)
    chain = [node for node in nodes if node.op_type == "Cast" and _casts_bytes(node, nodes, graph)][:1]
    for kind in ("Sub", "Mul", "MatMul"):
        users = [node for node in nodes if chain and chain[-1].output[0] in node.input]
        if len(users) != 1 or users[0].op_type != kind:
            raise ModelError(
                f"the exported graph does not go from bytes to the patches' {kind}; this version of torch exports the "
                "model in a way that vidcls-export does not know"
            )
        chain.append(users[0])
    return chain


def _quantize_patches(graph: onnx.GraphProto) -> None:
    """Multiply the patches as the bytes they are, so that only the weights are rounded."""
    chain = patch_chain(graph)
    cast, product = chain[0], chain[-1]
    weights = next(tensor for tensor in graph.initializer if tensor.name == product.input[1])
    values = numpy_helper.to_array(weights)
    whole, scales = patch_weights(values.astype(np.float64))
    name = product.output[0]
    constants = {
        "weights": whole,
        "grey": np.uint8(GREY),
        "zero": np.int8(0),
        "scales": (scales / SCALE).astype(np.float32),
    }
    names = {key: f"{name}_{key}" for key in constants}
    inputs = [cast.input[0], names["weights"], names["grey"], names["zero"]]
    replacement = [
        helper.make_node("MatMulInteger", inputs, [f"{name}_integers"], name=f"{product.name}_integers"),
        helper.make_node("Cast", [f"{name}_integers"], [f"{name}_cast"], name=f"{name}_cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}_cast", names["scales"]], [name], name=f"{name}_scaled"),
    ]
    nodes = list(graph.node)
    start = nodes.index(cast)
    kept = [node for node in nodes if node not in chain]
    del graph.node[:]
    graph.node.extend([*kept[:start], *replacement, *kept[start:]])
    graph.initializer.remove(weights)
    graph.initializer.extend(numpy_helper.from_array(np.asarray(constants[key]), names[key]) for key in constants)


def patch_weights(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """The patch embedding in bytes: (whole numbers [pixels x 3, width], a scale for each column [width]).

    What the pixels of a patch have in common, its brightness and colour, is larger than all in which they differ. Were
    each weight rounded by itself, their sum would be off by several, and the product by as many times that level. So
    the weights rounded up are those that come nearest to it, and for each colour as many as their sum asks for.
    """
    scales = column_scales(values)
    values = values / scales
    whole = np.floor(values)
    for colour in range(3):  # side by side, see `pixels`
        rest = (values - whole)[colour::3]
        rank = np.argsort(np.argsort(-rest, axis=0, kind="stable"), axis=0)
        whole[colour::3] += rank < np.rint(rest.sum(axis=0))
    return whole.astype(np.int8), scales


def column_scales(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What each column of a weight matrix is divided by, so that it fits the whole numbers it is rounded to."""
    scales: npt.NDArray[np.float64] = np.maximum(np.abs(values).max(axis=0) / LARGEST_WEIGHT, np.finfo(np.float32).tiny)
    return scales


def _casts_bytes(cast: NodeProto, nodes: list[NodeProto], graph: onnx.GraphProto) -> bool:
    """Whether `cast` gets the graph's input, only moved about."""
    makers = {output: node for node in nodes for output in node.output}
    name: str = cast.input[0]
    while name in makers and makers[name].op_type in ("Reshape", "Transpose", "Slice"):
        name = makers[name].input[0]
    return bool(name == graph.input[0].name)


def store_tables_in_fp16(graph: onnx.GraphProto) -> None:
    """Keep large float tables in half the bytes; their numbers need no more than int8's neighbours have."""
    tables = [tensor for tensor in graph.initializer if _is_large_table(tensor)]
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        for attribute in node.attribute:
            if _is_large_table(attribute.t):
                attribute.t.name = node.output[0]
                tables.append(attribute.t)
                graph.node.remove(node)
    casts = []
    for table in tables:
        narrow = numpy_helper.from_array(numpy_helper.to_array(table).astype(np.float16), f"{table.name}_fp16")
        casts.append(
            helper.make_node("Cast", [narrow.name], [table.name], name=f"{narrow.name}_cast", to=TensorProto.FLOAT)
        )
        graph.initializer.append(narrow)
        if table in graph.initializer:
            graph.initializer.remove(table)
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])


def _is_large_table(tensor: TensorProto) -> bool:
    return tensor.data_type == TensorProto.FLOAT and int(np.prod(tensor.dims)) > _LARGE_TABLE
