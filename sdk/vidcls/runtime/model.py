"""An ONNX file with a contract: opened, read, and the one held against the other."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias, get_args

from vidcls.contract import METADATA_KEY, ModelContract, from_json
from vidcls.errors import DeviceError, ModelError
from vidcls.runtime.onnxruntime_session import ASKED_FOR, Device, OnnxRuntimeSession
from vidcls.runtime.openvino_session import OpenVinoSession

Engine = Literal["onnxruntime", "openvino"]
AnySession: TypeAlias = OnnxRuntimeSession | OpenVinoSession


def open_model(path: Path, *, device: Device, engine: Engine = "onnxruntime") -> tuple[AnySession, ModelContract]:
    """Open an exported model on a device, with an engine, and read its contract.

    Raises:
        ModelError: not a vidcls model, damaged, or its contract does not fit its graph.
        DeviceError: "cuda" cannot be used on this machine, or not with this engine.
        DependencyError: the engine is not installed.
    """
    session = _open(path, device=device, engine=engine)
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
        session = OnnxRuntimeSession(path, device="cpu")
    return session, contract


def _open(path: Path, *, device: Device, engine: Engine) -> AnySession:
    if engine not in get_args(Engine):
        raise ValueError(f"engine is {engine!r}, expected one of {', '.join(map(repr, get_args(Engine)))}")
    if engine == "onnxruntime":
        return OnnxRuntimeSession(path, device=device)
    if device not in get_args(Device):
        raise ValueError(f"device is {device!r}, expected one of {', '.join(map(repr, get_args(Device)))}")
    if device == "cuda":
        raise DeviceError(f"{ASKED_FOR}engine 'openvino' is for CPUs; use engine 'onnxruntime', or device 'cpu'")
    return OpenVinoSession(path)


def _check_graph(path: Path, contract: ModelContract, session: AnySession) -> None:
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
