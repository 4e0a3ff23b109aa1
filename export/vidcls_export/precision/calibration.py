"""What the tensors of a graph hold while it runs on real clips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import NodeProto, TensorProto, helper

from vidcls.cpus import usable_cpus


def observe(
    proto: onnx.ModelProto,
    clips: Iterable[npt.NDArray[np.uint8]],
    *,
    nodes: Sequence[NodeProto],
    outputs: Sequence[str],
    scratch: Path,
) -> Iterator[dict[str, npt.NDArray[np.float32]]]:
    """For each clip, {output: values}, computed in fp32 on the CPU. The graph is as before when this returns.

    Args:
        proto: an fp32 graph.
        clips: its inputs, cropped frames uint8 [1, T, H, W, 3].
        nodes: operators to add that make `outputs` from the graph's tensors.
        outputs: float32 tensors to fetch.
        scratch: a folder with room for the graph.
    """
    graph = proto.graph
    count, before = len(graph.node), list(graph.output)
    file = scratch / "observed.onnx"
    graph.node.extend(nodes)
    del graph.output[:]
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs)
    # The weights in a file of their own, so that a model of more than 2 GiB can be looked at too.
    onnx.save(proto, file, save_as_external_data=True, location="observed.weights")
    onnx.external_data_helper.load_external_data_for_model(proto, str(scratch))
    del graph.node[count:], graph.output[:]
    graph.output.extend(before)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cpus()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return (dict(zip(outputs, session.run(list(outputs), {graph.input[0].name: clip}), strict=True)) for clip in clips)
