"""fp32 graph -> fp16 graph, but for the operators whose numbers do not fit.

fp16 ends at 65504, and what goes beyond is infinite from there on. A trained network may well hold such numbers in a
few places, so the graph is calibrated: run on real clips in fp32, and the largest magnitude of each tensor recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from vidcls_export.graph.attention import DOMAIN
from vidcls_export.graph.shapes import Tensors
from vidcls_export.precision.attention_scores import magnitude_nodes, score_magnitude
from vidcls_export.precision.calibration import observe

# The largest magnitude allowed on the calibration clips: an eighth of fp16's largest number, as other clips may give
# larger ones.
LARGEST = float(np.finfo(np.float16).max) / 8


def to_fp16(proto: onnx.ModelProto, clips: Iterable[npt.NDArray[np.uint8]], *, scratch: Path) -> list[str]:
    """Convert the fp32 graph to fp16, in place.

    Args:
        proto: the graph; its input and output stay as they are.
        clips: cropped frames uint8 RGB [1, T, H, W, 3] to calibrate on.
        scratch: a folder with room for the graph.

    Returns:
        The names of the nodes that stay in fp32, as their numbers are too large.
    """
    kept = _too_large(proto, clips, scratch=scratch)
    _narrow(proto, wide={*kept, *_constant_nodes(proto.graph)})
    return kept


def _constant_nodes(graph: onnx.GraphProto) -> Iterator[str]:
    """Names of the nodes that no input reaches: computed once, when the file is opened, so in full precision."""
    reached = {value.name for value in graph.input}
    for node in graph.node:
        if reached.isdisjoint(node.input):
            yield node.name
        else:
            reached.update(node.output)


def _narrow(proto: onnx.ModelProto, *, wide: set[str]) -> None:
    """Make every float tensor fp16, in place, but for those that the nodes named in `wide` read, hold and make.

    Between two of these a tensor stays in fp32: a cast to fp16 and back would lose what they are kept for.
    """
    graph = proto.graph
    tensors = Tensors(proto)
    floats = {name for name in tensors.types if tensors.is_float(name)}
    constants = _take_constants(graph)
    kinds: dict[str, int] = {}  # of the float tensors in the new graph
    nodes: list[NodeProto] = []

    def in_kind(name: str, kind: int) -> str:
        """The name under which the tensor `name` can be had in `kind`."""
        if kinds.get(name) == kind:
            return name
        other = f"{name}_{'fp16' if kind == TensorProto.FLOAT16 else 'fp32'}"
        if other not in kinds:
            kinds[other] = kind
            if name in constants:
                values = constants[name].astype(helper.tensor_dtype_to_np_dtype(kind))
                graph.initializer.append(numpy_helper.from_array(values, other))
            else:
                nodes.append(helper.make_node("Cast", [name], [other], name=other, to=kind))
        return other

    for node in graph.node:
        kind = TensorProto.FLOAT if node.name in wide else TensorProto.FLOAT16
        node.input[:] = [in_kind(name, kind) if name in floats else name for name in node.input]
        kinds.update((name, kind) for name in node.output if name in floats)
        for attribute in node.attribute:
            if (node.op_type, attribute.name, attribute.i) == ("Cast", "to", TensorProto.FLOAT):
                attribute.i = kind
        nodes.append(node)
    for output in graph.output:
        if kinds[output.name] == TensorProto.FLOAT16:
            (maker,) = (node for node in nodes if output.name in node.output)
            narrow = f"{output.name}_fp16"
            maker.output[:] = [narrow if name == output.name else name for name in maker.output]
            nodes.append(helper.make_node("Cast", [narrow], [output.name], name=output.name, to=TensorProto.FLOAT))
    kept = list(nodes)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(kept)


def _take_constants(graph: onnx.GraphProto) -> dict[str, npt.NDArray[np.float32]]:
    """The float constants, {name: values}, removed from the graph."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    found |= {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    constants = {
        name: numpy_helper.to_array(tensor) for name, tensor in found.items() if tensor.data_type == TensorProto.FLOAT
    }
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name in constants:
            del graph.initializer[index]
    for index in reversed(range(len(graph.node))):
        if graph.node[index].op_type == "Constant" and graph.node[index].output[0] in constants:
            del graph.node[index]
    return constants


def _too_large(proto: onnx.ModelProto, clips: Iterable[npt.NDArray[np.uint8]], *, scratch: Path) -> list[str]:
    """Names of the nodes that read, hold or make numbers beyond `LARGEST` on the clips."""
    magnitudes = {
        tensor.name: float(np.abs(numpy_helper.to_array(tensor)).max(initial=0))
        for tensor in proto.graph.initializer
        if tensor.data_type == TensorProto.FLOAT
    }
    nodes, names = _magnitude_nodes(proto.graph, Tensors(proto))
    for observed in observe(proto, clips, nodes=nodes, outputs=list(names), scratch=scratch):
        for output, magnitude in observed.items():
            magnitudes[names[output]] = float(np.fmax(magnitudes.get(names[output], 0.0), magnitude))
    return [
        node.name
        for node in proto.graph.node
        if any(magnitudes.get(name, 0.0) > LARGEST for name in (*node.input, *node.output, _scores(node)))
    ]


def _magnitude_nodes(graph: onnx.GraphProto, types: Tensors) -> tuple[list[NodeProto], dict[str, str]]:
    """Operators that make the largest magnitude of every float tensor that the graph computes, and {output: tensor}.

    Whole numbers, by which moving tokens are told, stay what they are in fp16 too.
    """
    nodes: list[NodeProto] = []
    names = {}
    for node in graph.node:
        for tensor in node.output:
            if types.is_float(tensor):
                name = f"{tensor}_magnitude"
                nodes.extend(magnitude_nodes(tensor, name))
                names[name] = tensor
        if node.op_type == "MultiHeadAttention" and node.domain == DOMAIN:
            name = f"{_scores(node)}_magnitude"
            nodes.extend(score_magnitude(node, name, largest=LARGEST))
            names[name] = _scores(node)
    return nodes, names


def _scores(attention: NodeProto) -> str:
    """The name for what a fused attention's softmax gets, which some of its kernels hold in fp16."""
    return f"{attention.name}_scores"
