"""The numbers a graph computes in: what each precision does to the graph, and what it costs in logits."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from transformers import PreTrainedModel

from vidcls.cpus import usable_cpus
from vidcls.errors import ModelError
from vidcls_export.graph.trace import Graph
from vidcls_export.precision.fp16 import to_fp16
from vidcls_export.precision.int8_dynamic import to_int8
from vidcls_export.precision.int8_static import to_qdq

Precision = Literal["fp32", "fp16", "int8"]

# How far an export's logits for the self-test's clip may be from PyTorch's where they reach up to
# `_USUAL_LOGIT`, and in proportion where they reach further, because rounding errors grow with the
# numbers. fp32 differs only in the order of its sums, fp16 keeps 11 bits and rounds at every operator,
# int8 keeps 7 or 8 bits; tests/benchmarks/engines.py prints how far each is off on random weights. What
# int8 does to real clips is for --check to say.
_TOLERANCES: dict[Precision, float] = {"fp32": 1e-3, "fp16": 2e-2, "int8": 5e-1}
_USUAL_LOGIT = 4.0

# int8 computes in integers, which every processor does alike, so most of its distance from PyTorch is
# known when it is exported: twice that leaves room for values that a last bit puts on the other side of
# a rounding step, and the least room is fp16's.
_INT8_MARGIN = 2.0

_CALIBRATED = ("int8", "portable")

# protobuf's limit on one file, less room for the graph, the position table and the contract.
_LARGEST_BYTES = 2**31 - 2**24
_BYTES_PER_WEIGHT: dict[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 1}


def check_precision(precision: str) -> None:
    """Raise ValueError unless `precision` is one of those there are."""
    if precision not in get_args(Precision):
        raise ValueError(f"precision is {precision!r}, expected one of {', '.join(map(repr, get_args(Precision)))}")


def check_weights(model: PreTrainedModel, *, precision: Precision) -> None:
    """Raise ModelError unless the weights fit into one file in `precision`."""
    count = sum(parameter.numel() for parameter in model.parameters())
    if count * _BYTES_PER_WEIGHT[precision] > _LARGEST_BYTES:
        fits_fp16 = count * _BYTES_PER_WEIGHT["fp16"] <= _LARGEST_BYTES
        mend = "export it with --precision fp16" if fits_fp16 else "train a smaller model"
        raise ModelError(f"{count / 1e6:.0f} million weights in {precision} exceed the 2 GiB of one ONNX file; {mend}")


def looks_at_clips(precision: Precision, graph: Graph) -> bool:
    """Whether `convert` asks what the graph's tensors hold on real clips."""
    return precision == "fp16" or (precision, graph) == _CALIBRATED


def check_calibration(precision: Precision, graph: Graph, *, clips: object) -> None:
    """Raise ValueError where the ranges of activations are fixed, and there are no clips to find them on."""
    if (precision, graph) == _CALIBRATED and clips is None:
        raise ValueError(
            "int8 with the portable graph needs real clips for the ranges of its numbers; name a folder of them to "
            "check on (--check DATA_DIR), or take the graph 'onnxruntime'"
        )


def convert(
    proto: onnx.ModelProto,
    *,
    precision: Precision,
    graph: Graph,
    clips: Iterable[npt.NDArray[np.uint8]],
    scratch: Path,
) -> tuple[onnx.ModelProto, list[str]]:
    """The fp32 graph in `precision`, and the names of the nodes that stay in fp32 as their numbers are too large.

    Args:
        proto: the graph, which may be changed in place; its input and output stay as they are.
        precision: what it is to compute in.
        graph: what it was traced for.
        clips: cropped frames uint8 [1, T, H, W, 3] to look for large numbers on, or for the ranges of int8.
        scratch: a folder with room for the graph.
    """
    if precision == "fp16":
        return to_fp16(proto, clips, scratch=scratch)
    if (precision, graph) == _CALIBRATED:
        return to_qdq(proto, clips, scratch=scratch), []
    return (to_int8(proto, scratch=scratch) if precision == "int8" else proto), []


def self_test_tolerance(logits: list[float], *, precision: Precision, difference: float) -> float:
    """How far from PyTorch's `logits` an answer of the file may be and still count as the same.

    difference: how far the export's own are from them, on this machine.
    """
    if precision == "int8":
        return max(_INT8_MARGIN * difference, largest_difference(logits, precision="fp16"))
    return largest_difference(logits, precision=precision)


def largest_difference(logits: list[float], *, precision: Precision) -> float:
    """How far from PyTorch's `logits` an export in `precision` may be at all."""
    largest = max(abs(logit) for logit in logits)
    return _TOLERANCES[precision] * max(1.0, largest / _USUAL_LOGIT)


def check_rounding(path: Path, frames: npt.NDArray[np.uint8], expected: list[float], *, precision: Precision) -> None:
    """Hold a graph against PyTorch with every number rounded to the precision that the graph states.

    onnxruntime computes most of an fp16 graph in fp32 on a CPU, so that what overflows on a GPU does
    not show there. Without its optimisations each operator rounds its output, as a GPU's does.

    Raises:
        ModelError: the logits are not finite, or further from `expected` than the precision explains.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = usable_cpus()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: frames})
    difference = float(np.abs(logits[0].astype(np.float64) - expected).max())
    allowed = largest_difference(expected, precision=precision)
    if not difference <= allowed:  # written so that NaN fails
        found = f"differ from PyTorch's by {difference:.2g}, more than {allowed:.2g}"
        found = found if np.isfinite(logits).all() else "overflow"
        mend = "; export it with --precision fp32" if precision != "fp32" else ""
        raise ModelError(f"computed in {precision}, the model's logits {found}; no file was written{mend}")
