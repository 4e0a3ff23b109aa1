"""Reshapes with constant targets, in place of the arithmetic on shapes that tracing leaves.

PyTorch writes every `view` as Shape, Gather, Unsqueeze and Concat on the input's shape, a few
hundred nodes that compute constants at every run. Only the batch is free, so each target is a
constant with -1 for the batch, and a reshape to the shape a tensor already has is nothing at all.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vidcls.errors import ModelError
from vidcls_export.attention import DOMAIN

# Stands for the free batch while shapes are inferred: a prime that is no model's size.
_BATCH = 7919


def fix_reshapes(proto: onnx.ModelProto) -> None:
    """Give every Reshape of `proto` a constant target, in place, and drop what is then unused.

    Raises:
        ModelError: a target is not known to be the batch and constants.
    """
    graph = proto.graph
    shapes = _infer_shapes(proto)
    sources: dict[str, str] = {}  # a reshape's output -> what was reshaped
    same: dict[str, str] = {}  # the output of a reshape that changes nothing -> its input
    outputs = {output.name for output in graph.output}
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = same.get(name, name)
        target = shapes.get(node.output[0], [])
        if node.op_type != "Reshape" or target[:1] != [_BATCH]:
            continue
        name, source = node.output[0], sources.get(node.input[0], node.input[0])
        if shapes.get(source) == target and name not in outputs:
            same[name] = source
            continue
        sources[name] = source
        constant = numpy_helper.from_array(np.array([-1, *target[1:]], np.int64), f"{name}_target")
        graph.initializer.append(constant)
        node.input[0], node.input[1] = source, constant.name
    _drop_unused(graph)
    left = [node.name for node in graph.node if node.op_type == "Reshape" and node.output[0] not in sources]
    if left:
        raise ModelError(
            f"the exported graph has a reshape that does not keep the batch free ({left[0]}); this version of torch or "
            "transformers exports the model in a way that vidcls-export does not know"
        )


def _infer_shapes(proto: onnx.ModelProto) -> dict[str, list[int]]:
    """{tensor: its shape} at a batch of `_BATCH`, as far as it is known.

    Works on a copy without the weights, so that it is quick and no model is too large for it.
    """
    skeleton = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import)
    graph = skeleton.graph
    graph.node.extend(proto.graph.node)
    graph.input.extend(proto.graph.input)
    for tensor in proto.graph.initializer:
        if tensor.data_type == TensorProto.INT64:  # may be a shape, whose values matter
            graph.initializer.append(tensor)
        else:
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = _BATCH
    for node in graph.node:
        if node.domain == DOMAIN:  # unknown to onnx; the output of ours has the shape of the first input
            node.op_type, node.domain = "Identity", ""
            del node.input[1:], node.attribute[:]
    known = [*graph.input, *onnx.shape_inference.infer_shapes(skeleton, data_prop=True).graph.value_info]
    dims = {value.name: list(value.type.tensor_type.shape.dim) for value in known}
    return {
        name: [dim.dim_value for dim in shape]
        for name, shape in dims.items()
        if all(dim.HasField("dim_value") for dim in shape)
    }


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {output.name for output in graph.output}
    for index in reversed(range(len(graph.node))):  # nodes come in order: users after what they use
        node = graph.node[index]
        if used.isdisjoint(node.output):
            del graph.node[index]
        else:
            used.update(node.input)
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in used:
            del graph.initializer[index]
