"""What each precision needs: weights that fit one file, clips to calibrate on."""

from __future__ import annotations

from transformers import PreTrainedModel

from vidcls.errors import ModelError
from vidcls_export.options import Graph, Precision, is_static_int8

# protobuf's limit on one file, less room for the graph, the position table and the contract.
_LARGEST_BYTES = 2**31 - 2**24
_BYTES_PER_WEIGHT: dict[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 1}


def needs_calibration(precision: Precision, graph: Graph) -> bool:
    """Whether `convert` runs the graph on calibration clips: fp16 for large numbers, static int8 for its ranges."""
    return precision == "fp16" or is_static_int8(precision, graph)


def check_weights(model: PreTrainedModel, *, precision: Precision) -> None:
    """Raise ModelError unless the weights fit into one ONNX file in `precision`."""
    count = sum(parameter.numel() for parameter in model.parameters())
    if count * _BYTES_PER_WEIGHT[precision] > _LARGEST_BYTES:
        fits_fp16 = count * _BYTES_PER_WEIGHT["fp16"] <= _LARGEST_BYTES
        mend = "export it with --precision fp16" if fits_fp16 else "train a smaller model"
        raise ModelError(f"{count / 1e6:.0f} million weights in {precision} exceed the 2 GiB of one ONNX file; {mend}")
