"""Shapes as constants, in place of the shape arithmetic that tracing leaves.

PyTorch exports every `view` as Shape, Gather, Unsqueeze and Concat on the input's shape: a few hundred nodes that
compute constants at every run. Only the batch is free, so each target becomes a constant with -1 for the dimension
that holds the batch, and a reshape to the shape that a tensor already has is removed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from vidcls.errors import ModelError
from vidcls_export.graph.shapes import BATCH, Tensors
from vidcls_export.graph.unused import drop_unused_constants, drop_unused_nodes


def fix_reshapes(proto: onnx.ModelProto) -> None:
    """Give every Reshape of `proto` a constant target, in place, and drop what is then unused.

    Raises:
        ModelError: a target is not known to be the batch and constants.
    """
    graph = proto.graph
    tensors = Tensors(proto)
    _fold(graph, tensors)
    sources: dict[str, str] = {}  # a reshape's output -> what was reshaped
    same: dict[str, str] = {}  # the output of a reshape that changes nothing -> its input
    outputs = {output.name for output in graph.output}
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = same.get(name, name)
        if node.op_type != "Reshape":
            continue
        target = tensors.shape(node.output[0])
        free = _free_axes(target)
        if not target or len(free) > 1 or len(free) < len(_free_axes(tensors.shape(node.input[0]))):
            continue
        name, source = node.output[0], sources.get(node.input[0], node.input[0])
        if tensors.shape(source) == target and name not in outputs:
            same[name] = source
            continue
        sources[name] = source
        for axis in free:
            target[axis] = -1
        constant = numpy_helper.from_array(np.array(target, np.int64), f"{name}_target")
        graph.initializer.append(constant)
        node.input[0], node.input[1] = source, constant.name
    drop_unused_nodes(graph)
    drop_unused_constants(graph)
    left = [node.name for node in graph.node if node.op_type == "Reshape" and node.output[0] not in sources]
    if left:
        raise ModelError(
            f"the exported graph has a reshape that does not keep the batch free ({left[0]}); this version of torch or "
            "transformers exports the model in a way that vidcls-export does not know"
        )


def _free_axes(shape: list[int] | None) -> list[int]:
    """The dimensions that hold the batch."""
    return [axis for axis, size in enumerate(shape or []) if size and size % BATCH == 0]


def _fold(graph: onnx.GraphProto, tensors: Tensors) -> None:
    """Put constants in place of the nodes that compute whole numbers in which the batch has no part."""
    for node in list(graph.node):
        values = {name: tensors.values[name] for name in node.output if name in tensors.values}
        if node.op_type == "Constant" or len(values) < len(node.output) or any(map(_holds_batch, values.values())):
            continue
        if all(value.dtype.kind in "bi" for value in values.values()):
            graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
            graph.node.remove(node)


def _holds_batch(value: npt.NDArray[np.generic]) -> bool:
    return value.dtype.kind == "i" and bool(np.any((value != 0) & (value % BATCH == 0)))
