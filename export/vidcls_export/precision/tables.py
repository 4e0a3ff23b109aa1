"""Large float tables of an int8 graph, such as the positions', in half the bytes."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Tables of more numbers are stored in fp16: onnxruntime widens them once, as it opens the file.
_LARGE_TABLE = 4096


def store_tables_in_fp16(graph: onnx.GraphProto) -> None:
    """Store the large float tables of a graph in fp16, in place; between int8 operators no more digits count."""
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
