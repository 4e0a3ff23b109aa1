"""What every engine offers: one open model on one device."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Device: TypeAlias = Literal["auto", "cpu", "cuda"]
Engine: TypeAlias = Literal["onnxruntime", "openvino"]

# How every DeviceError of opening on CUDA begins.
ASKED_FOR = "device 'cuda' was asked for, but "


class Session(Protocol):
    """One open ONNX model with one input and one output.

    path: the ONNX file.
    device: "cpu" or "cuda": where all of the graph runs, not what was asked for.
    device_reason: why there, for people.
    provider: the execution provider that runs it.
    batch: how many inputs to hand over at once, where there are many.
    input_type, output_type: such as "tensor(float)".
    input_shape, output_shape: a free dimension is a str or None.
    """

    path: Path
    device: str
    device_reason: str
    provider: str
    batch: int
    input_name: str
    input_type: str
    input_shape: list[int | str | None]
    output_name: str
    output_type: str
    output_shape: list[int | str | None]

    def run(self, pixel_values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Logits float32 [batch, labels] of a batch in the contract's input layout.

        Raises:
            ModelError: the graph cannot be run, on the CPU.
            DeviceError: the graph cannot be run on another device.
        """
