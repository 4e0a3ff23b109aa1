"""Calibration: what the tensors of a graph hold while it runs on real clips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import NodeProto, TensorProto, helper

from vidcls.clips import read_clips
from vidcls.contract import Contract
from vidcls.cpus import usable_cpus
from vidcls.errors import ModelError, VideoError
from vidcls.region import Region

# As many clips as a model mostly has labels; more would only cost time.
_MOST_CLIPS = 16


def calibration_clips(
    videos: Sequence[Path], contract: Contract, *, region: Region | None = None
) -> Iterator[npt.NDArray[np.uint8]]:
    """Clips of up to `_MOST_CLIPS` videos, spread over all of them: cropped frames uint8 RGB [1, T, H, W, 3].

    Videos that cannot be read are left out.
    """
    for index in np.unique(np.linspace(0, len(videos) - 1, _MOST_CLIPS).astype(int)):
        with suppress(VideoError):  # the comparison with PyTorch reports it
            yield read_clips(videos[index], contract, region=region).frames


def observe(
    proto: onnx.ModelProto,
    clips: Iterable[npt.NDArray[np.uint8]],
    *,
    nodes: Sequence[NodeProto],
    outputs: Sequence[str],
    scratch: Path,
) -> Iterator[dict[str, npt.NDArray[np.float32]]]:
    """For each calibration clip, {output: values}, computed in fp32 on the CPU.

    Args:
        proto: an fp32 graph.
        clips: its inputs, cropped frames uint8 RGB [1, T, H, W, 3].
        nodes: operators to add that make `outputs` from the graph's tensors.
        outputs: float32 tensors to fetch.
        scratch: a folder with room for the graph.
    """
    file = scratch / "calibration.onnx"
    # The weights in a file of their own, so that a model of more than 2 GiB can be calibrated too.
    onnx.save(proto, file, save_as_external_data=True, location="calibration.weights")
    onnx.external_data_helper.load_external_data_for_model(proto, str(scratch))
    _save_observed(file, nodes, outputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cpus()
    options.log_severity_level = 3  # errors only
    # Node by node as they stand in the file: by default onnxruntime measures a graph's first tensors last of all, and
    # so holds every tensor of every layer until then.
    options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (frames,) = session.get_inputs()
    return (dict(zip(outputs, session.run(list(outputs), {frames.name: clip}), strict=True)) for clip in clips)


def _save_observed(file: Path, nodes: Sequence[NodeProto], outputs: Sequence[str]) -> None:
    """Add operators to the graph in a file, each right after what it reads, and let it give `outputs` alone."""
    proto = onnx.load(file, load_external_data=False)
    graph = proto.graph
    before = list(graph.node)
    made = {name: index for index, node in enumerate(before) for name in node.output}
    after: dict[int, list[NodeProto]] = {}
    for node in nodes:
        index = max((made[name] for name in node.input if name in made), default=0)
        made.update(dict.fromkeys(node.output, index))
        after.setdefault(index, []).append(node)
    del graph.node[:], graph.output[:]
    graph.node.extend(one for index, node in enumerate(before) for one in (node, *after.get(index, ())))
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs)
    onnx.save(proto, file)


@dataclass(frozen=True)
class ChannelRanges:
    """Smallest and largest value of a tensor in each channel, on all clips: float64 [channels]."""

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]


def channel_ranges(
    proto: onnx.ModelProto, widths: Mapping[str, int], clips: Iterable[npt.NDArray[np.uint8]], *, scratch: Path
) -> dict[str, ChannelRanges]:
    """{tensor: its range in each channel on the clips}, the channels being the last axis.

    Args:
        proto: an fp32 graph.
        widths: {tensor: how many channels it has}.
        clips: cropped frames uint8 RGB [1, T, H, W, 3].
        scratch: a folder with room for the graph.

    Raises:
        ModelError: there is no clip.
    """
    nodes = [node for tensor, width in widths.items() for node in _range_nodes(tensor, width)]
    outputs = [f"{tensor}_{end}" for tensor in widths for end in ("low", "high")]
    observed = list(observe(proto, clips, nodes=nodes, outputs=outputs, scratch=scratch))
    if not observed:
        raise ModelError("there is no readable clip to calibrate int8 on")
    return {
        tensor: ChannelRanges(
            np.min([values[f"{tensor}_low"] for values in observed], axis=0).astype(np.float64),
            np.max([values[f"{tensor}_high"] for values in observed], axis=0).astype(np.float64),
        )
        for tensor in widths
    }


def _range_nodes(tensor: str, width: int) -> list[NodeProto]:
    """Operators that make `{tensor}_low` and `{tensor}_high`, float32 [width]."""
    return [
        helper.make_node("Constant", [], [f"{tensor}_rows"], value_ints=[-1, width]),
        helper.make_node("Reshape", [tensor, f"{tensor}_rows"], [f"{tensor}_flat"]),
        helper.make_node("Constant", [], [f"{tensor}_axis"], value_ints=[0]),
        helper.make_node("ReduceMin", [f"{tensor}_flat", f"{tensor}_axis"], [f"{tensor}_low"], keepdims=0),
        helper.make_node("ReduceMax", [f"{tensor}_flat", f"{tensor}_axis"], [f"{tensor}_high"], keepdims=0),
    ]
