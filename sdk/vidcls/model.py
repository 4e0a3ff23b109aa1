"""An ONNX file with a contract: opened, read, and the one held against the other."""

from __future__ import annotations

from pathlib import Path

from vidcls.contract import METADATA_KEY, ModelContract, from_json
from vidcls.errors import DeviceError, ModelError
from vidcls.session import Device, Session


def open_model(path: Path, *, device: Device) -> tuple[Session, ModelContract]:
    """Open an exported model on a device and read its contract.

    Raises:
        ModelError: not a vidcls model, damaged, or its contract does not fit its graph.
        DeviceError: "cuda" cannot be used on this machine.
        DependencyError: onnxruntime is not installed.
    """
    session = Session(path, device=device)
    if METADATA_KEY not in session.metadata:
        raise ModelError(f"{path}: an ONNX file, but not a vidcls model; export it with vidcls-export")
    contract = from_json(ModelContract, session.metadata[METADATA_KEY], where=str(path))
    _check_graph(path, contract, session)
    if contract.model.precision == "int8" and session.device == "cuda":
        if device == "cuda":
            raise DeviceError(
                f"{path}: is an int8 model, which is for CPUs; open it on device 'cpu', or export it with "
                "--precision fp16 for CUDA"
            )
        session = Session(path, device="cpu")
    return session, contract


def _check_graph(path: Path, contract: ModelContract, session: Session) -> None:
    """Hold the contract against the graph it came with."""
    size, frames, labels = contract.image.crop_size, contract.sampling.frames, len(contract.labels)
    shape = [frames, 3, size, size] if contract.model.input.layout == "BTCHW" else [frames, size, size, 3]
    element = "float" if contract.model.input.dtype == "float32" else "uint8"
    facts = [
        ("input name", contract.model.input.name, session.input_name),
        ("input type", f"tensor({element})", session.input_type),
        ("input shape after the batch", shape, session.input_shape[1:]),
        ("output name", contract.model.output.name, session.output_name),
        ("output type", "tensor(float)", session.output_type),
        ("number of labels", labels, session.output_shape[-1] if session.output_shape else None),
    ]
    for name, stated, found in facts:
        if stated != found:
            raise ModelError(
                f"{path}: the contract says {name} {stated}, the graph has {found}; export the model again"
            )
