"""An ONNX file with a contract: read, opened, and the one compared with the other."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from vidcls.contract import MAX_BYTES, METADATA_KEY, ModelContract, from_json
from vidcls.errors import DeviceError, ModelError
from vidcls.files.kinds import file_sha256, mistaken, where_else, why_no_file
from vidcls.printable import printable
from vidcls.runtime import cuda, onnx_file
from vidcls.runtime.devices import Device, asked_for, checked_device, is_cuda
from vidcls.runtime.inherited import ProcessSession
from vidcls.runtime.onnx_file import foreign_part, read_text
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession
from vidcls.runtime.openvino_session import OpenVinoSession
from vidcls.runtime.session import Engine, Session
from vidcls.schema import check_choice

_logger = logging.getLogger("vidcls")


def open_model(path: Path, *, device: Device, engine: Engine) -> tuple[Session, ModelContract]:
    """Open an exported model on a device, with an engine, and read its contract.

    Raises:
        ModelError: not a vidcls model, damaged, or its contract does not fit its graph.
        DeviceError: a card cannot be used on this machine, with this engine or for this model.
        DependencyError: the engine is not installed.
    """
    device = checked_device(device)
    check_choice("engine", engine, get_args(Engine))
    contract = read_contract(path)
    session = _open_session(path, contract, device=device, engine=engine)
    _check_graph(path, contract, session)
    return ProcessSession(session), contract


def read_contract(path: Path) -> ModelContract:
    """The contract in an exported model's metadata, once the file is found to be as it was exported.

    No engine sees the file; its graph is only searched for what an export never holds.

    Raises:
        ModelError: not a vidcls model, or damaged.
    """
    contract = stated_contract(path)
    with _named_errors(path):
        if file_sha256(path, recorded=contract.model.file_sha256) != contract.model.file_sha256:
            raise ModelError(
                f"{path}: the file was changed or damaged after it was exported; export it again, or copy it anew"
            )
        part = foreign_part(path)
    if part is not None:
        raise ModelError(f"{path}: holds {part}, which vidcls-export never writes; export the model again")
    return contract


def stated_contract(path: Path) -> ModelContract:
    """The contract in an exported model's metadata, whether or not the file is as it was exported.

    However large the file, this takes no time: only the contract is read.

    Raises:
        ModelError: not a vidcls model.
    """
    if (instead := _what_instead(path)) is not None:
        raise ModelError(f"{path}: {instead}")
    problem = why_no_file(path)
    if problem is not None:
        hint = where_else(path, {".onnx"}) if not os.path.lexists(path) else None
        raise ModelError(f"{path}: {problem}; {hint or 'export a model with vidcls-export'}")
    with _named_errors(path):
        return _read(path)


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """What goes wrong while a file is read, as a ModelError that names it."""
    try:
        yield
    except ValueError as error:
        raise ModelError(
            f"{path}: cannot be read as an ONNX model; the file is damaged, cut off, or of another kind ({error})"
        ) from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None


def _what_instead(path: Path) -> str | None:
    """What was named in a model's place, and what to do; None where it may be a model."""
    kind = mistaken(path)
    if kind == "video":
        return f"is a video, and the model comes first, as in 'vidcls predict model.onnx {path}'"
    if kind == "checkpoint":
        return f"is a checkpoint, which is exported first: vidcls-export {path} -o model.onnx"
    if kind == "weights":
        return f"holds a checkpoint's weights, which are exported first: vidcls-export {path.parent} -o model.onnx"
    return None


def _read(path: Path) -> ModelContract:
    size = path.stat().st_size
    if size > onnx_file.MAX_BYTES:
        raise ValueError(f"it has {size:,} bytes, and no ONNX file has more than {onnx_file.MAX_BYTES:,}")
    text = read_text(path, METADATA_KEY, limit=MAX_BYTES)
    if text is None:
        raise ModelError(f"{path}: not a vidcls model; export it with vidcls-export")
    return from_json(ModelContract, text, where=str(path))


def _open_session(path: Path, contract: ModelContract, *, device: Device, engine: Engine) -> Session:
    if engine == "openvino":
        if is_cuda(device):
            raise DeviceError(
                f"{asked_for(device)}engine 'openvino' is for CPUs; use engine 'onnxruntime', or device 'cpu'"
            )
        return OpenVinoSession(path)
    _check_name(path)
    if contract.model.precision != "int8" or device == "cpu":
        return OnnxRuntimeSession(path, device=device)
    if is_cuda(device):
        raise DeviceError(
            f"{path}: is an int8 model, which is for CPUs; open it on device 'cpu', or export it with "
            "--precision fp16 for CUDA"
        )
    session = OnnxRuntimeSession(path, device="cpu")
    session.device_reason = "int8 models are for CPUs"
    if cuda.card_in_sight():  # and lies idle
        _logger.warning(
            "running on the CPU: %s; export the model with --precision fp16 for CUDA", session.device_reason
        )
    return session


def _check_name(path: Path) -> None:
    """Refuse a name that onnxruntime cannot be given: it takes texts, and a file's name may be any bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ModelError(
            f"{printable(str(path))}: onnxruntime opens only files whose names are valid UTF-8; rename it"
        ) from None


def _check_graph(path: Path, contract: ModelContract, session: Session) -> None:
    """Compare the contract with the graph it came with."""
    size, frames, labels = contract.image.crop_size, contract.sampling.frames, len(contract.labels)
    shape = [frames, 3, size, size] if contract.model.input.layout == "BTCHW" else [frames, size, size, 3]
    element = "float" if contract.model.input.dtype == "float32" else "uint8"
    facts = [
        ("input name", contract.model.input.name, session.input_name),
        ("input type", f"tensor({element})", session.input_type),
        ("input shape after the batch", shape, list(session.input_shape[1:])),
        ("output name", contract.model.output.name, session.output_name),
        ("output type", "tensor(float)", session.output_type),
        ("number of labels", labels, session.output_shape[-1] if session.output_shape else None),
        ("dimensions of the output", 2, len(session.output_shape)),
    ]
    for name, stated, found in facts:
        if stated != found:
            raise ModelError(
                f"{path}: the contract says {name} {stated}, the graph has {found}; export the model again"
            )
