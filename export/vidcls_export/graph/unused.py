"""Nodes and constants that a changed graph no longer needs, removed."""

from __future__ import annotations

import onnx


def drop_unused_nodes(graph: onnx.GraphProto) -> None:
    """Remove the nodes whose outputs nothing reads, in place."""
    used = {output.name for output in graph.output}
    for index in reversed(range(len(graph.node))):  # nodes come in order: users after what they use
        node = graph.node[index]
        if used.isdisjoint(node.output):
            del graph.node[index]
        else:
            used.update(node.input)


def drop_unused_constants(graph: onnx.GraphProto) -> None:
    """Remove the initializers that no node reads, in place."""
    used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in used:
            del graph.initializer[index]
