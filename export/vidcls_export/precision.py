"""The numbers a graph computes in: what each precision does to the graph, and what it costs in logits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel
from transformers import PreTrainedModel

from vidcls.cpus import usable_cpus
from vidcls.errors import ModelError

Precision = Literal["fp32", "fp16"]

# How far a self-test's logits may be from PyTorch's where they reach up to `_USUAL_LOGIT`, and in
# proportion where they reach further, because rounding errors grow with the numbers. fp32 differs
# only in the order of its sums (up to 2e-6 of the largest logit, in models of 2 to 12 layers), so
# 1e-3 leaves room for any processor and is still less than one grey level in the pixels may move
# (7e-3). fp16 keeps 11 bits and rounds at every operator (up to 1.5e-3 of the largest logit).
_TOLERANCES: dict[Precision, float] = {"fp32": 1e-3, "fp16": 2e-2}
_USUAL_LOGIT = 4.0

# protobuf's limit on one file, less room for the graph, the position table and the contract.
_LARGEST_BYTES = 2**31 - 2**24
_BYTES_PER_WEIGHT: dict[Precision, int] = {"fp32": 4, "fp16": 2}
_LARGEST_FP16 = float(np.finfo(np.float16).max)


def check_precision(precision: str) -> None:
    """Raise ValueError unless `precision` is one of those there are."""
    if precision not in get_args(Precision):
        raise ValueError(f"precision is {precision!r}, expected one of {', '.join(map(repr, get_args(Precision)))}")


def check_weights(model: PreTrainedModel, *, precision: Precision) -> None:
    """Raise ModelError unless the weights fit into `precision` and into one file."""
    count = sum(parameter.numel() for parameter in model.parameters())
    if count * _BYTES_PER_WEIGHT[precision] > _LARGEST_BYTES:
        fits_fp16 = count * _BYTES_PER_WEIGHT["fp16"] <= _LARGEST_BYTES
        mend = "export it with --precision fp16" if fits_fp16 else "train a smaller model"
        raise ModelError(f"{count / 1e6:.0f} million weights in {precision} exceed the 2 GiB of one ONNX file; {mend}")
    if precision != "fp16":
        return
    for name, weight in model.state_dict().items():
        largest = float(weight.abs().max())
        if not largest <= _LARGEST_FP16:  # written so that NaN fails
            raise ModelError(
                f"the weight {name} holds {largest:g}, beyond fp16's largest number {_LARGEST_FP16:g}; "
                "export it with --precision fp32"
            )


def convert(proto: onnx.ModelProto, *, precision: Precision) -> onnx.ModelProto:
    """The fp32 graph in `precision`; input and output stay float32. May change `proto` in place."""
    conversions: dict[Precision, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
        "fp32": lambda proto: proto,
        "fp16": _to_fp16,
    }
    return conversions[precision](proto)


def self_test_tolerance(logits: list[float], *, precision: Precision) -> float:
    """How far from PyTorch's `logits` an answer may be and still count as the same."""
    largest = max(abs(logit) for logit in logits)
    return _TOLERANCES[precision] * max(1.0, largest / _USUAL_LOGIT)


def check_rounding(
    path: Path, pixel_values: npt.NDArray[np.float32], expected: list[float], *, precision: Precision
) -> None:
    """Hold a graph against PyTorch with every number rounded to the precision that the graph states.

    onnxruntime computes most of an fp16 graph in fp32 on a CPU, so that what overflows on a GPU does
    not show there. Without its optimisations each operator rounds its output, as a GPU's does.

    Raises:
        ModelError: the logits are not finite, or further from `expected` than the self-test allows.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = usable_cpus()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"pixel_values": pixel_values})
    difference = float(np.abs(logits[0].astype(np.float64) - expected).max())
    allowed = self_test_tolerance(expected, precision=precision)
    if not difference <= allowed:  # written so that NaN fails
        found = f"differ from PyTorch's by {difference:.2g}, more than {allowed:.2g}"
        found = found if np.isfinite(logits).all() else "overflow"
        mend = "; export it with --precision fp32" if precision != "fp32" else ""
        raise ModelError(f"computed in {precision}, the model's logits {found}; no file was written{mend}")


def _to_fp16(proto: onnx.ModelProto) -> onnx.ModelProto:
    # Its shape inference serves operators that have no fp16 form; there are none here, and it stops at 2 GiB.
    converted: onnx.ModelProto = convert_float_to_float16(proto, keep_io_types=True, disable_shape_infer=True)
    OnnxModel(converted).topological_sort()  # the casts of input and output were put at the end
    return converted
