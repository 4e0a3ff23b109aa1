"""Opening and running tiny real ONNX files; only a CUDA that fails to start is a substitute."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from generated import write_model
from vidcls import DeviceError, ModelError
from vidcls.session import Session


def has_cuda() -> bool:
    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def write_graph(path: Path, *, inputs: int = 1, outputs: int = 1, columns: int | None = None) -> Path:
    """Pass inputs on to outputs; with `columns`, by way of a reshape that only fails when it runs."""
    nodes = [helper.make_node("Sum", [f"in{i}" for i in range(inputs)], ["sum"])]
    if columns is not None:
        nodes.append(helper.make_node("Reshape", ["sum", "shape"], ["shaped"]))
    last = "sum" if columns is None else "shaped"
    nodes += [helper.make_node("Identity", [last], [f"out{i}"]) for i in range(outputs)]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(f"in{i}", TensorProto.FLOAT, ["batch", 4]) for i in range(inputs)],
        [helper.make_tensor_value_info(f"out{i}", TensorProto.FLOAT, None) for i in range(outputs)],
        [numpy_helper.from_array(np.array([-1, columns or 1], np.int64), "shape")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


def test_a_session_tells_what_the_graph_has(model: Path) -> None:
    session = Session(model, device="cpu")
    assert session.device == "cpu"
    assert (session.input_name, session.input_type) == ("pixel_values", "tensor(float)")
    assert session.input_shape == ["batch", 4, 3, 32, 32]
    assert (session.output_name, session.output_type) == ("logits", "tensor(float)")
    assert session.output_shape == ["batch", 4]
    assert set(session.metadata) == {"vidcls"}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx: there is no such file; export a model with vidcls-export"):
        Session(tmp_path / "gone.onnx", device="cpu")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        Session(tmp_path, device="cpu")


@pytest.mark.parametrize("content", [b"", b"not ONNX", b"\x00" * 1000, b"PK\x03\x04" + b"\x01" * 500, b"\xff" * 4096])
def test_what_is_not_onnx_is_named(content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"^[^\n]*other\.onnx: [^\n]*$"):
        Session(path, device="cpu")
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_a_cut_off_file_is_named(share: float, model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = model.read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match=r"^[^\n]*cut\.onnx: [^\n]*damaged[^\n]*$"):
        Session(path, device="cpu")
    assert capfd.readouterr().out == ""


def test_a_text_that_is_not_utf8_is_damage(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_model(tmp_path / "model.onnx")
    content = path.read_bytes()
    for text in (b"turn left", b"pixel_values", b"Flatten"):
        path.write_bytes(content.replace(text, b"\xff" + text[1:]))
        with pytest.raises(ModelError, match=r"model\.onnx: .*damaged"):
            Session(path, device="cpu")
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 1), (1, 2)])
def test_a_graph_of_another_kind_is_named(inputs: int, outputs: int, tmp_path: Path) -> None:
    path = write_graph(tmp_path / "other.onnx", inputs=inputs, outputs=outputs)
    with pytest.raises(ModelError, match=f"the graph has {inputs} inputs and {outputs} outputs, expected one of each"):
        Session(path, device="cpu")


def test_a_graph_that_cannot_be_run_is_a_model_error(tmp_path: Path) -> None:
    session = Session(write_graph(tmp_path / "bad.onnx", columns=7), device="cpu")
    with pytest.raises(ModelError, match=r"^[^\n]*bad\.onnx: onnxruntime cannot run it on device 'cpu'[^\n]*$"):
        session.run(np.zeros((2, 4), np.float32))


@pytest.mark.parametrize("device", ["gpu", "CPU", "", "cuda:0", None])
def test_an_unknown_device_is_refused_before_the_file_is_looked_at(device: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"device is .*, expected one of 'auto', 'cpu', 'cuda'"):
        Session(tmp_path / "gone.onnx", device=device)  # type: ignore[arg-type]


@pytest.mark.skipif(has_cuda(), reason="this onnxruntime has CUDA")
def test_cuda_never_falls_back_and_says_what_to_install(model: Path) -> None:
    with pytest.raises(DeviceError, match=r"built without CUDA; run .*pip install \"vidcls\[gpu\]\""):
        Session(model, device="cuda")


@pytest.mark.skipif(has_cuda(), reason="this onnxruntime has CUDA")
def test_auto_takes_the_cpu_where_there_is_no_cuda(model: Path) -> None:
    assert Session(model, device="auto").device == "cpu"


@pytest.fixture(params=["RuntimeException", "Fail", "EPFail", "RuntimeError"])
def broken_cuda(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An onnxruntime that could do CUDA, but raises when a session is opened on it."""
    kind = getattr(onnxruntime.capi.onnxruntime_pybind11_state, request.param, RuntimeError)
    assert kind.__name__ == request.param

    def open_session(path: str, options: Any, *, providers: list[Any], **others: Any) -> Any:
        if providers != ["CPUExecutionProvider"]:
            raise kind("CUDA failure 100: no CUDA-capable device\nmore about it")
        return onnxruntime.InferenceSession(path, options, providers=providers, **others)

    substitute = SimpleNamespace(
        get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
        SessionOptions=onnxruntime.SessionOptions,
        InferenceSession=open_session,
        capi=onnxruntime.capi,
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", substitute)


@pytest.mark.usefixtures("broken_cuda")
def test_cuda_that_fails_to_open_says_why(model: Path) -> None:
    with pytest.raises(DeviceError, match=r"^device 'cuda' .*no CUDA-capable device\); check 'nvidia-smi'[^\n]*$"):
        Session(model, device="cuda")


@pytest.mark.usefixtures("broken_cuda")
def test_auto_takes_the_cpu_where_cuda_fails_to_open_and_says_why(
    model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert Session(model, device="auto").device == "cpu"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "running on the CPU" in record.getMessage()
    assert "no CUDA-capable device)" in record.getMessage()


@pytest.mark.usefixtures("broken_cuda")
@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_damaged_file_is_not_blamed_on_cuda(device: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not ONNX")
    with pytest.raises(ModelError, match=r"bad\.onnx: .*damaged"):
        Session(tmp_path / "bad.onnx", device=device)
    assert caplog.records == []


WITHOUT_ONNXRUNTIME = """
import sys
sys.modules["onnxruntime"] = None
from vidcls import DependencyError, VideoClassifier, VidclsError
try:
    VideoClassifier(sys.argv[1])
except DependencyError as error:
    assert isinstance(error, VidclsError) and isinstance(error, ImportError)
    print(error)
"""


def test_without_onnxruntime_the_pip_lines_are_given(model: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_ONNXRUNTIME, str(model)]
    message = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert 'pip install "vidcls[cpu]"' in message
    assert 'pip install "vidcls[gpu]"' in message
