"""The precisions that can be asked for, and what each needs: weights that fit one file, clips to calibrate on."""

from __future__ import annotations

from typing import Literal

from transformers import PreTrainedModel

from vidcls.errors import ArgumentError, ModelError
from vidcls_export.graph.trace import Graph

Precision = Literal["fp32", "fp16", "int8"]

# protobuf's limit on one file, less room for the graph, the position table and the contract.
_LARGEST_BYTES = 2**31 - 2**24
_BYTES_PER_WEIGHT: dict[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 1}


def is_static_int8(precision: Precision, graph: Graph) -> bool:
    """Whether activations are quantized with fixed ranges; else int8 finds their ranges anew at every run."""
    return (precision, graph) == ("int8", "portable")


def needs_calibration(precision: Precision, graph: Graph) -> bool:
    """Whether `convert` runs the graph on calibration clips: fp16 for large numbers, static int8 for its ranges."""
    return precision == "fp16" or is_static_int8(precision, graph)


def check_calibration(precision: Precision, graph: Graph, *, clips: object) -> None:
    """Raise ValueError where the ranges of static int8 cannot be found because `clips` is None."""
    if is_static_int8(precision, graph) and clips is None:
        raise ArgumentError(
            "int8 with the portable graph needs real clips for its calibration; name a folder of them to check on "
            "(--check DATA_DIR), or take the graph 'onnxruntime'"
        )


def check_weights(model: PreTrainedModel, *, precision: Precision) -> None:
    """Raise ModelError unless the weights fit into one ONNX file in `precision`."""
    count = sum(parameter.numel() for parameter in model.parameters())
    if count * _BYTES_PER_WEIGHT[precision] > _LARGEST_BYTES:
        fits_fp16 = count * _BYTES_PER_WEIGHT["fp16"] <= _LARGEST_BYTES
        mend = "export it with --precision fp16" if fits_fp16 else "train a smaller model"
        raise ModelError(f"{count / 1e6:.0f} million weights in {precision} exceed the 2 GiB of one ONNX file; {mend}")
