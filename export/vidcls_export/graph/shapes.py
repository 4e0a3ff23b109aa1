"""What is known of a graph's tensors before it runs: types, shapes and, for small constants, values.

onnx's own shape inference loses values at some operators, and after that every shape that depends on them. Here the
operators are inferred one by one, each with what is known of its inputs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, TypeProto, helper, numpy_helper
from onnx.defs import get_schema
from onnx.reference import ReferenceEvaluator
from onnx.shape_inference import InferenceError, infer_node_outputs

from vidcls_export.graph.attention import DOMAIN

# Stands for the free batch: a prime that is no model's size.
BATCH = 7919

# Tensors of more numbers are weights, not shapes.
_LARGEST_VALUE = 4096


class Tensors:
    """types: {tensor: its type with its shape}. values: {tensor: what it holds}, for small ones that are constant."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        """Go through the graph at a batch of `BATCH`, resolving conditions on the way (in place)."""
        self.types: dict[str, TypeProto] = {}
        self.values: dict[str, npt.NDArray[np.generic]] = {}
        self._opset = next(entry.version for entry in proto.opset_import if entry.domain == "")
        graph = proto.graph
        for value in graph.input:
            self.types[value.name] = TypeProto()
            self.types[value.name].CopyFrom(value.type)
        self.types[graph.input[0].name].tensor_type.shape.dim[0].dim_value = BATCH
        for tensor in graph.initializer:
            self._note(tensor.name, tensor)
        nodes = [resolved for node in graph.node for resolved in self._visit(node)]
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(nodes)

    def shape(self, name: str) -> list[int] | None:
        """The shape of a tensor; None where it is not known."""
        tensor = self.types[name].tensor_type if name in self.types else None
        if tensor is None or not tensor.HasField("shape"):
            return None
        dims = tensor.shape.dim
        return [dim.dim_value for dim in dims] if all(dim.HasField("dim_value") for dim in dims) else None

    def is_float(self, name: str) -> bool:
        """Whether a tensor is known to be float32."""
        return name in self.types and self.types[name].tensor_type.elem_type == TensorProto.FLOAT

    def _visit(self, node: NodeProto) -> Iterator[NodeProto]:
        """Learn what `node` makes; gives it back, or those of the branch that a condition always takes."""
        if node.op_type == "If" and node.input[0] in self.values:
            yield from self._branch(node)
            return
        shape = self.shape(node.input[0]) if node.input else None
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            self._note(node.output[0], node.attribute[0].t)
        elif node.op_type == "Shape" and shape is not None and not node.attribute:
            self._note(node.output[0], numpy_helper.from_array(np.array(shape, np.int64)))
        elif node.domain == DOMAIN:  # unknown to onnx; the output of ours has the shape of the first input
            if node.input[0] in self.types:
                self.types[node.output[0]] = self.types[node.input[0]]
        else:
            self._infer(node)
            self._evaluate(node)
        yield node

    def _branch(self, node: NodeProto) -> Iterator[NodeProto]:
        taken = "then_branch" if bool(self.values[node.input[0]]) else "else_branch"
        (branch,) = (attribute.g for attribute in node.attribute if attribute.name == taken)
        names = {value.name: name for value, name in zip(branch.output, node.output, strict=True)}
        for inner in branch.node:
            inner.output[:] = [names.get(name, name) for name in inner.output]
            inner.input[:] = [names.get(name, name) for name in inner.input]
            yield from self._visit(inner)

    def _infer(self, node: NodeProto) -> None:
        schema = get_schema(node.op_type, self._opset, node.domain)
        types = {name: self.types[name] for name in node.input if name in self.types}
        data = {name: numpy_helper.from_array(self.values[name]) for name in node.input if name in self.values}
        try:
            self.types.update(infer_node_outputs(schema, node, types, data))
        except InferenceError:
            return  # nothing is known of what it makes

    def _evaluate(self, node: NodeProto) -> None:
        """Compute what `node` makes, where everything it reads is known and the result is small."""
        inputs = [name for name in dict.fromkeys(node.input) if name]
        shapes = [self.shape(name) for name in node.output]
        small = all(shape is not None and np.prod(shape) <= _LARGEST_VALUE for shape in shapes)
        if not small or not all(name in self.values for name in inputs):
            return
        graph = helper.make_graph(
            [node],
            "one",
            [helper.make_value_info(name, self.types[name]) for name in inputs],
            [helper.make_value_info(name, self.types[name]) for name in node.output],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self._opset)])
        found = ReferenceEvaluator(model).run(None, {name: self.values[name] for name in inputs})
        for name, value in zip(node.output, found, strict=True):
            self._note(name, numpy_helper.from_array(np.asarray(value)))

    def _note(self, name: str, tensor: TensorProto) -> None:
        self.types[name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        if int(np.prod(tensor.dims)) <= _LARGEST_VALUE:
            self.values[name] = numpy_helper.to_array(tensor)
