"""What every engine offers: one open model on one device."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vidcls.errors import ModelError

Engine: TypeAlias = Literal["onnxruntime", "openvino"]


class Session(Protocol):
    """One open ONNX model with one input and one output.

    path: the ONNX file.
    device: "cpu", "cuda" or "cuda:1": where all of the graph runs, not what was asked for.
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

    def run(self, pixel_values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What the graph returns for a batch in the contract's input layout; see `run_checked`.

        Raises:
            ModelError: the graph cannot be run, on the CPU.
            DeviceError: the graph cannot be run on another device.
        """


def run_checked(session: Session, pixel_values: npt.NDArray[Any], *, labels: int) -> npt.NDArray[np.float32]:
    """Logits float32 [batch, labels] of a batch in the contract's input layout, finite.

    What a graph declares is its own word; this is compared with what it did.

    Raises:
        ModelError: the graph cannot be run, or returned something else.
        DeviceError: the graph cannot be run on another device than the CPU.
    """
    logits = session.run(pixel_values)
    expected = (len(pixel_values), labels)
    if not isinstance(logits, np.ndarray) or logits.dtype != np.float32 or logits.shape != expected:
        found = f"{logits.dtype} {list(logits.shape)}" if isinstance(logits, np.ndarray) else type(logits).__name__
        raise ModelError(
            f"{session.path}: the graph returned {found}, expected float32 {list(expected)} by the contract; export "
            "the model again"
        )
    if not np.isfinite(logits).all():
        raise ModelError(f"{session.path}: the model's logits are not finite on {session.device}; export it as fp32")
    return logits
