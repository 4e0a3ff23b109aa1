"""One ONNX file on one device. The only module that imports onnxruntime, and only when a model is opened."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from vidcls.cpus import usable_cpus
from vidcls.errors import DependencyError, DeviceError, ModelError
from vidcls.files.kinds import why_no_file
from vidcls.printable import printable
from vidcls.runtime import cuda, lacking
from vidcls.runtime.deadline import ended_after, longest_run
from vidcls.runtime.devices import Device, asked_for, card_of, checked_device, is_cuda, name_of, provider_options

_CPU = "CPUExecutionProvider"
_QUOTED = 300  # characters of its messages
_NO_MEMORY = re.compile("allocate memory|bad_?alloc|bad allocation|requested bytes|MemoryError")
_ERROR, _FATAL = 3, 4  # onnxruntime's severities of what it logs
# The largest constant that is worked out when a file is opened: so many bytes, and so many times the file's.
_FOLDED_BYTES, _FOLDED_SHARE = 16 << 20, 4
# Views in one run on CUDA: enough to fill a card, and a few hundred MB of ViT-B's activations in fp16.
_CUDA_BATCH = 8
_ELEMENTS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_logger = logging.getLogger("vidcls")


class OnnxRuntimeSession:
    """An open ONNX model; a `vidcls.runtime.session.Session`."""

    def __init__(self, path: Path, *, device: Device) -> None:
        """Open `path` on `device`.

        A card never falls back, and takes no node of the graph on the CPU; "auto" takes CUDA where
        that works, else the CPU, and logs what it took and why: as a warning where a card or an
        onnxruntime with CUDA lies idle.

        Args:
            path: the ONNX file.
            device: what to run it on.

        Raises:
            ModelError: not an ONNX file that onnxruntime can load.
            DeviceError: the card cannot be used here.
            DependencyError: onnxruntime is not installed.
        """
        device = checked_device(device)
        problem = why_no_file(path)
        if problem is not None:
            raise ModelError(f"{path}: {problem}; export a model with vidcls-export")
        runtime = import_onnxruntime()
        self.path, self._errors = path, _errors(runtime)
        self.device, self.device_reason, self._session = _open(runtime, path, device=device)
        self.provider: str = self._session.get_providers()[0]
        self.batch = _CUDA_BATCH if is_cuda(self.device) else 1
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"{path}: the graph has {len(inputs)} inputs and {len(outputs)} outputs, expected one of each; "
                "export the model with vidcls-export"
            )
        try:
            self.input_name: str = inputs[0].name
            self.input_type: str = inputs[0].type
            self.input_shape: list[int | str | None] = inputs[0].shape
            self.output_name: str = outputs[0].name
            self.output_type: str = outputs[0].type
            self.output_shape: list[int | str | None] = outputs[0].shape
        except UnicodeDecodeError as error:
            raise ModelError(f"{path}: a text in it is not UTF-8, the file is damaged ({error})") from None
        self._longest_run = longest_run(
            file_bytes=path.stat().st_size, input_shape=self.input_shape, device=self.device
        )
        self._options = runtime.RunOptions
        card = card_of(self.device)
        self._bound = None if card is None else BoundRuns(runtime, self._session, device="cuda", number=card)

    def run(self, pixel_values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What the graph returns for a batch in the contract's input layout.

        Raises:
            ModelError: the graph cannot be run on the CPU, or does not end.
            DeviceError: the graph cannot be run on another device.
        """
        options = self._options()
        options.log_severity_level = _FATAL
        seconds = self._longest_run * len(pixel_values)

        def end() -> None:
            options.terminate = True

        try:
            with ended_after(seconds, end):
                if self._bound is not None:
                    return self._bound.run(pixel_values, options)
                (logits,) = self._session.run([self.output_name], {self.input_name: pixel_values}, options)
        except self._errors as error:
            if options.terminate:
                raise ModelError(
                    f"{self.path}: the graph ran for {seconds:.0f} s, longer than its size allows, and was ended; "
                    "export the model again"
                ) from None
            if self.device == "cpu" and _NO_MEMORY.search(str(error)):
                raise ModelError(
                    f"{self.path}: running the graph takes more memory than there is ({_shortened(error)}); free some, "
                    "or export the model again"
                ) from None
            if self.device == "cpu":
                raise ModelError(
                    f"{self.path}: onnxruntime cannot run it on device 'cpu' ({_first_line(error)}); the file is "
                    "damaged, or needs another onnxruntime"
                ) from None
            raise DeviceError(f"{self.path}: on device '{self.device}', {cuda.explain(str(error))}") from None
        return logits  # type: ignore[no-any-return]


class BoundRuns:
    """Runs of a session through input and output buffers that stay on its device, one pair per batch size.

    A run then allocates nothing and copies the input once to the device and the logits once from it.
    """

    def __init__(self, runtime: ModuleType, session: Any, *, device: str, number: int = 0) -> None:
        """Prepare it. device, number: onnxruntime's name for a kind of devices, and which of them the session is on."""
        self._runtime, self._session, self._device, self._number = runtime, session, device, number
        (self._input,), (self._output,) = session.get_inputs(), session.get_outputs()
        self._buffers: dict[int, tuple[Any, Any, Any]] = {}
        self._lock = threading.Lock()  # the buffers hold one run at a time

    def run(self, values: npt.NDArray[Any], options: Any = None) -> npt.NDArray[Any]:
        """Outputs of a batch of inputs. options: onnxruntime's, of this run."""
        element = _ELEMENTS[self._input.type]
        if values.dtype != element or list(values.shape[1:]) != self._input.shape[1:]:
            # onnxruntime would copy as many bytes and not look at what they are.
            raise ValueError(
                f"the input is {values.dtype} {list(values.shape)}, expected {np.dtype(element)} {self._input.shape}"
            )
        with self._lock:
            source, target, binding = self._buffers.get(len(values)) or self._bind(len(values))
            source.update_inplace(np.ascontiguousarray(values))  # before 1.24 it takes no heed of strides
            self._session.run_with_iobinding(binding, options)
            return np.array(target.numpy())  # a copy: on the CPU numpy() shows the buffer itself

    def _bind(self, batch: int) -> tuple[Any, Any, Any]:
        value = self._runtime.OrtValue.ortvalue_from_shape_and_type
        source = value([batch, *self._input.shape[1:]], _ELEMENTS[self._input.type], self._device, self._number)
        target = value([batch, *self._output.shape[1:]], _ELEMENTS[self._output.type], self._device, self._number)
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(self._input.name, source)
        binding.bind_ortvalue_output(self._output.name, target)
        self._buffers[batch] = source, target, binding
        return self._buffers[batch]


def import_onnxruntime() -> ModuleType:
    """The module onnxruntime.

    Raises:
        DependencyError: it is not installed, or cannot be imported.
    """
    # Its wheels from 1.32 on else send what they measure to Microsoft, and leave a file among the temporary ones.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime  # noqa: PLC0415 - only when a model is opened
    except ImportError as error:
        if isinstance(error.__cause__, KeyboardInterrupt | SystemExit):
            raise error.__cause__ from None  # a signal came while its C++ code was being imported
        raise DependencyError(
            f"onnxruntime cannot be imported ({error}); install it with 'pip install \"vidcls[cpu]\"', "
            "or with 'pip install \"vidcls[gpu]\"' for an NVIDIA card"
        ) from error
    return onnxruntime  # type: ignore[no-any-return]


def nodes_by_provider(session: Any) -> dict[str, Counter[str]]:
    """How often each operator of an open session's graph is run by each provider.

    The session was opened to record that ("session.record_ep_graph_assignment_info").
    """
    found: dict[str, Counter[str]] = {}
    for part in session.get_provider_graph_assignment_info():
        found.setdefault(part.ep_name, Counter()).update(node.op_type for node in part.get_nodes())
    return found


def open_whole(runtime: ModuleType, path: Path, *, provider: str, options: dict[str, str]) -> Any:
    """An onnxruntime session of which every node runs on `provider`, or a `cuda.Problem`: some would not.

    Raises:
        RuntimeError: onnxruntime goes on without the provider. It also raises errors of its own.
    """
    if not hasattr(runtime.InferenceSession, "get_provider_graph_assignment_info"):
        # Older onnxruntimes only refuse, and do not say which nodes.
        return _open_on(runtime, path, [(provider, options)], entries={"session.disable_cpu_ep_fallback": "1"})
    entries = {"session.record_ep_graph_assignment_info": "1"}
    session = _open_on(runtime, path, [(provider, options), _CPU], entries=entries)
    if provider not in session.get_providers():
        raise RuntimeError("it went on without and has logged why")
    nodes = nodes_by_provider(session)
    elsewhere = sum((counts for name, counts in nodes.items() if name != provider), Counter[str]())
    if not elsewhere:
        return session
    total = sum(sum(counts.values()) for counts in nodes.values())
    named = ", ".join(f"{count} {operator}" for operator, count in elsewhere.most_common(5))
    more = ", ..." if len(elsewhere) > 5 else ""
    return cuda.Problem(
        what=f"onnxruntime {runtime.__version__} leaves {sum(elsewhere.values())} of the graph's {total} nodes on the "
        f"CPU ({named}{more})",
        mend="export the model with --precision fp16 or fp32, or use device 'cpu'",
    )


def _open(runtime: ModuleType, path: Path, *, device: Device) -> tuple[str, str, Any]:
    """(where it is, why there, the session)."""
    card = card_of(device)
    if card is None:
        return "cpu", "the CPU was asked for", _open_on_cpu(runtime, path)
    found = cuda.find_cuda(runtime)
    problem = found.problem or cuda.card_problem(found, card)
    if problem is None:
        opened = _open_on_cuda(runtime, path, card=card)
        if not isinstance(opened, cuda.Problem):
            reason = f"CUDA runs all of the graph on {found.cards[card].name if found.cards else 'the card'}"
            _logger.info("running on CUDA: %s", reason)
            return name_of(card), reason, opened
        problem = opened
    on_cpu = _open_on_cpu(runtime, path)  # where this fails too, it is the file and not CUDA
    if is_cuda(device):
        raise DeviceError(f"{asked_for(device)}{problem}")
    if cuda.PROVIDER in runtime.get_available_providers() or cuda.card_in_sight():
        _logger.warning("running on the CPU: %s", problem)
        return "cpu", str(problem), on_cpu
    reason = f"{problem.what}, and no NVIDIA card is in sight"
    _logger.info("running on the CPU: %s", reason)
    return "cpu", reason, on_cpu


def _open_on_cuda(runtime: ModuleType, path: Path, *, card: int) -> Any:
    try:
        return open_whole(runtime, path, provider=cuda.PROVIDER, options=provider_options(card))
    except _errors(runtime) as error:
        return cuda.explain(str(error))


def _open_on_cpu(runtime: ModuleType, path: Path) -> Any:
    try:
        return _open_on(runtime, path, [_CPU], entries={})
    except _errors(runtime) as error:
        lacks = lacking.sentence(runtime, str(error))
        if lacks is not None:
            raise ModelError(f"{path}: {lacks}") from None
        raise ModelError(
            f"{path}: onnxruntime cannot load it as an ONNX model; the file is damaged, cut off, or of another kind "
            f"({_first_line(error)})"
        ) from None


def _open_on(runtime: ModuleType, path: Path, providers: list[Any], *, entries: dict[str, str]) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = usable_cpus()
    options.inter_op_num_threads = 1
    # It would print texts of the file as they are. Errors are raised too; only why a provider does not start is not.
    options.log_severity_level = _FATAL if providers == [_CPU] else _ERROR
    options.add_session_config_entry("session.load_model_format", "ONNX")  # whatever the file's name
    # Weights turned into another type or order, but nothing made large out of nothing.
    folded = _FOLDED_BYTES + _FOLDED_SHARE * path.stat().st_size
    options.add_session_config_entry("optimization.constant_folding_max_output_size_in_bytes", str(folded))
    for name, value in entries.items():
        options.add_session_config_entry(name, value)
    # Its own fallback would move a session to the CPU when a run fails, and print so on stdout.
    return runtime.InferenceSession(str(path), options, providers=providers, enable_fallback=False)


def _errors(runtime: ModuleType) -> tuple[type[Exception], ...]:
    """What onnxruntime raises for a file or a device it cannot use; its own classes have no common base."""
    found = vars(runtime.capi.onnxruntime_pybind11_state).values()
    own = [kind for kind in found if isinstance(kind, type) and issubclass(kind, Exception)]
    # RuntimeError comes from CUDA's calls, UnicodeDecodeError from quoting damaged bytes.
    return (*own, RuntimeError, UnicodeDecodeError, MemoryError)


def _first_line(error: Exception) -> str:
    return printable(str(error).partition("\n")[0], limit=_QUOTED)


def _shortened(error: Exception) -> str:
    """Which node it was; not where in onnxruntime's source."""
    return printable(str(error).partition("Status Message")[0].removeprefix("[ONNXRuntimeError] : ").strip(), limit=100)
