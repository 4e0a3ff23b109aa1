"""One ONNX file on one device. The only module that imports onnxruntime, and only when a model is opened."""

from __future__ import annotations

import logging
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from vidcls.cpus import usable_cpus
from vidcls.errors import DependencyError, DeviceError, ModelError

Device = Literal["auto", "cpu", "cuda"]

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
_logger = logging.getLogger("vidcls")


class Session:
    """An open ONNX model.

    device: "cpu" or "cuda": where it runs, not what was asked for.
    metadata: the file's metadata texts.
    input_shape, output_shape: of its one input and one output; a free dimension is a str or None.
    """

    def __init__(self, path: Path, *, device: Device) -> None:
        """Open `path` on `device`.

        "cuda" never falls back; "auto" takes CUDA where it works, else the CPU, and logs a warning
        if this onnxruntime could do CUDA but this machine cannot.

        Raises:
            ModelError: not an ONNX file that onnxruntime can load.
            DeviceError: "cuda" cannot be used here.
            DependencyError: onnxruntime is not installed.
        """
        if device not in get_args(Device):
            raise ValueError(f"device is {device!r}, expected one of {', '.join(map(repr, get_args(Device)))}")
        if not path.is_file():
            raise ModelError(f"{path}: there is no such file; export a model with vidcls-export")
        runtime = _import_onnxruntime()
        self.device, self._session = _open(runtime, path, device=device)
        self._path, self._errors = path, _errors(runtime)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"{path}: the graph has {len(inputs)} inputs and {len(outputs)} outputs, expected one of each; "
                "export the model with vidcls-export"
            )
        try:
            self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
            self.input_name: str = inputs[0].name
            self.input_type: str = inputs[0].type
            self.input_shape: list[int | str | None] = inputs[0].shape
            self.output_name: str = outputs[0].name
            self.output_type: str = outputs[0].type
            self.output_shape: list[int | str | None] = outputs[0].shape
        except UnicodeDecodeError as error:
            raise ModelError(f"{path}: a text in it is not UTF-8, the file is damaged ({error})") from None

    def run(self, pixel_values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Logits float32 [batch, labels] of a batch in the contract's input layout.

        Raises:
            ModelError: the graph cannot be run, on the CPU.
            DeviceError: the graph cannot be run on another device.
        """
        try:
            (logits,) = self._session.run([self.output_name], {self.input_name: pixel_values})
        except self._errors as error:
            problem = f"onnxruntime cannot run it on device '{self.device}' ({_first_line(error)})"
            if self.device == "cpu":
                raise ModelError(
                    f"{self._path}: {problem}; the file is damaged, or needs another onnxruntime"
                ) from None
            raise DeviceError(f"{self._path}: {problem}; try device 'cpu'") from None
        return np.asarray(logits, np.float32)


def _import_onnxruntime() -> ModuleType:
    try:
        import onnxruntime  # noqa: PLC0415 - only when a model is opened
    except ImportError as error:
        raise DependencyError(
            f"onnxruntime cannot be imported ({error}); install it with 'pip install \"vidcls[cpu]\"', "
            "or with 'pip install \"vidcls[gpu]\"' for an NVIDIA card"
        ) from error
    return onnxruntime  # type: ignore[no-any-return]


def _open(runtime: ModuleType, path: Path, *, device: Device) -> tuple[str, Any]:
    if device == "cpu":
        return "cpu", _open_on_cpu(runtime, path)
    if _CUDA not in runtime.get_available_providers():
        if device == "auto":
            return "cpu", _open_on_cpu(runtime, path)
        raise DeviceError(
            f"device 'cuda' was asked for, but the onnxruntime {runtime.__version__} installed here is built without "
            "CUDA; run 'pip uninstall onnxruntime' and then 'pip install \"vidcls[gpu]\"'"
        )
    # The wheels of onnxruntime-gpu leave CUDA's libraries to others; this finds those that pip installed.
    if hasattr(runtime, "preload_dlls"):
        runtime.preload_dlls()
    errors: tuple[type[Exception], ...] = (RuntimeError, *_errors(runtime))
    # onnxruntime raises or, mostly, only logs it and goes on without, when CUDA cannot be set up.
    reason = "no NVIDIA card, a driver that is too old, or CUDA or cuDNN libraries missing; its own message is above"
    try:
        # TF32, on by default, keeps 10 bits of every number in fp32's matrix products: no longer PyTorch's answer.
        session = _open_on(runtime, path, [(_CUDA, {"use_tf32": "0"}), _CPU])
        if _CUDA in session.get_providers():
            return "cuda", session
    except errors as error:
        reason = _first_line(error)
    on_cpu = _open_on_cpu(runtime, path)  # where this fails too, it is the file and not CUDA
    problem = (
        f"onnxruntime could not start CUDA on this machine ({reason}); "
        "check 'nvidia-smi' and run 'pip install \"vidcls[gpu]\"'"
    )
    if device == "cuda":
        raise DeviceError(f"device 'cuda' was asked for, but {problem}")
    _logger.warning("running on the CPU: %s", problem)
    return "cpu", on_cpu


def _open_on_cpu(runtime: ModuleType, path: Path) -> Any:
    try:
        return _open_on(runtime, path, [_CPU])
    except _errors(runtime) as error:
        raise ModelError(
            f"{path}: onnxruntime cannot load it as an ONNX model; the file is damaged, cut off, or of another kind "
            f"({_first_line(error)})"
        ) from None


def _open_on(runtime: ModuleType, path: Path, providers: list[Any]) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = usable_cpus()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only; its warnings are about graph internals
    # Its own fallback would move a session to the CPU when a run fails, and print so on stdout.
    return runtime.InferenceSession(str(path), options, providers=providers, enable_fallback=False)


def _errors(runtime: ModuleType) -> tuple[type[Exception], ...]:
    """What onnxruntime raises for a file it cannot use; its own classes have no common base."""
    found = vars(runtime.capi.onnxruntime_pybind11_state).values()
    own = [kind for kind in found if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, UnicodeDecodeError)  # the last where it quotes damaged bytes


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
