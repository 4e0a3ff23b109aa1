"""One ONNX file on the CPU with OpenVINO. The only module that imports openvino, and only when it is asked for.

OpenVINO reads the file that onnxruntime reads, the fused attention included, and the contract in it.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.cpus import usable_cpus
from vidcls.errors import DependencyError, ModelError
from vidcls.files.kinds import why_no_file
from vidcls.printable import printable

# OpenVINO's names of element types, in onnxruntime's words, as the contract is compared with them.
_TYPES = {"f32": "tensor(float)", "u8": "tensor(uint8)"}

_SETTINGS = {
    "PERFORMANCE_HINT": "LATENCY",  # one clip at a time, on all threads
    # Pinned threads of two open models would wait for the same CPUs.
    "ENABLE_CPU_PINNING": False,
}

# The process that loaded OpenVINO, or a parent of this one that did.
_loaded_in: dict[str, int] = {}


class OpenVinoSession:
    """An open ONNX model on the CPU; a `vidcls.runtime.session.Session` with onnxruntime's answers."""

    device = "cpu"
    device_reason = "OpenVINO was asked for, which vidcls runs on the CPU"
    batch = 1

    def __init__(self, path: Path) -> None:
        """Open `path`.

        Raises:
            ModelError: not an ONNX file that OpenVINO can load.
            DependencyError: openvino is not installed.
        """
        problem = why_no_file(path)
        if problem is not None:
            raise ModelError(f"{path}: {problem}; export a model with vidcls-export")
        openvino = import_openvino()
        self.path, self._errors = path, _errors(openvino)
        self.provider = f"OpenVINO {openvino.__version__.partition('-')[0]}"
        try:
            # Not Core.read_model: with what is not ONNX it would try the formats of other frameworks.
            frontend = openvino.frontend.FrontEndManager().load_by_framework("onnx")
            model = frontend.convert(frontend.load(str(path)))
            (source,), (target,) = _one_each(path, model.inputs, model.outputs)
            self.input_name, self.output_name = source.get_any_name(), target.get_any_name()
            self.input_type, self.output_type = _type(source), _type(target)
            self.input_shape, self.output_shape = _shape(source), _shape(target)
            # A fixed batch: with a free one, shapes are worked out anew at every run.
            model.reshape([1, *self.input_shape[1:]])
            settings = {**_SETTINGS, "INFERENCE_NUM_THREADS": usable_cpus()}
            if not _multiplies_bytes(model):
                # Where the processor has bfloat16, OpenVINO takes it unasked, and keeps 8 bits of every number: as many
                # as an int8 graph does itself, whose self-test says whether its answers hold.
                settings["INFERENCE_PRECISION_HINT"] = "f32"
            self._compiled = openvino.Core().compile_model(model, "CPU", settings)
        except self._errors as error:
            if "No conversion rule" in str(error):
                raise ModelError(
                    f"{path}: {self.provider} lacks operators that the model needs ({_last_line(error)}); run "
                    "'pip install --upgrade openvino', or take engine 'onnxruntime'"
                ) from None
            raise ModelError(
                f"{path}: {self.provider} cannot load it as an ONNX model; the file is damaged, or needs engine "
                f"'onnxruntime' ({_last_line(error)})"
            ) from None

    def run(self, pixel_values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What the graph returns for a batch in the contract's input layout.

        Raises:
            ModelError: the graph cannot be run.
        """
        try:
            # A request of its own for every call, so that threads may call at once.
            request = self._compiled.create_infer_request()
            answers = [np.array(request.infer([one[None]])[0]) for one in pixel_values]
        except self._errors as error:
            raise ModelError(f"{self.path}: OpenVINO cannot run it ({_last_line(error)})") from None
        shapes = {answer.shape for answer in answers}
        if len(shapes) > 1 or () in shapes:
            raise ModelError(
                f"{self.path}: the graph returned arrays of shapes {sorted(shapes)}; export the model again"
            )
        return np.concatenate(answers)


def import_openvino() -> ModuleType:
    """The module openvino.

    Raises:
        DependencyError: it is not installed, or cannot be imported.
        RuntimeError: it was loaded before this process was forked, in which it would hang or crash.
    """
    _loaded_in.setdefault("process", os.getpid())
    if _loaded_in["process"] != os.getpid():
        raise RuntimeError(
            "OpenVINO was loaded before this process was forked, and cannot be used in it; start the process by "
            "multiprocessing's 'spawn', or take engine 'onnxruntime'"
        )
    try:
        import openvino.frontend  # noqa: PLC0415 - only when it is asked for
    except ImportError as error:
        raise DependencyError(
            f"openvino cannot be imported ({error}); install it with 'pip install \"vidcls[openvino]\"'"
        ) from error
    return openvino  # type: ignore[no-any-return]


def _multiplies_bytes(model: Any) -> bool:
    """Whether the graph holds weights of 8 bits."""
    constants = (node for node in model.get_ops() if node.get_type_name() == "Constant")
    return any(node.get_element_type().to_string() == "i8" and len(node.get_output_shape(0)) > 1 for node in constants)


def _one_each(path: Path, inputs: list[Any], outputs: list[Any]) -> tuple[list[Any], list[Any]]:
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"{path}: the graph has {len(inputs)} inputs and {len(outputs)} outputs, expected one of each; "
            "export the model with vidcls-export"
        )
    return inputs, outputs


def _type(port: Any) -> str:
    name = port.get_element_type().to_string()
    return _TYPES.get(name, f"tensor({name})")


def _shape(port: Any) -> list[int | str | None]:
    return [size.get_length() if size.is_static else None for size in port.get_partial_shape()]


def _errors(openvino: ModuleType) -> tuple[type[Exception], ...]:
    """What OpenVINO raises for a file it cannot use; its own classes have no common base."""
    own = [kind for name, kind in vars(openvino.frontend).items() if name.endswith("Failure")]
    return (*own, RuntimeError, UnicodeDecodeError, MemoryError)


def _last_line(error: Exception) -> str:
    """The line that says what is wrong; those before it say where in OpenVINO's source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[-1] if lines else type(error).__name__, limit=300)
