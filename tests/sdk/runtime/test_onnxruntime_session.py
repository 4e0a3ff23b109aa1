"""Opening and running tiny real ONNX files. Why CUDA cannot start is test_cuda.py's."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from generated import write_model
from vidcls import ModelError
from vidcls.runtime.cuda import PROVIDER, Problem
from vidcls.runtime.onnxruntime_session import BoundRuns, OnnxRuntimeSession, nodes_by_provider, open_whole


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
    session = OnnxRuntimeSession(model, device="cpu")
    assert session.device == "cpu"
    assert (session.input_name, session.input_type) == ("pixel_values", "tensor(float)")
    assert session.input_shape == ["batch", 4, 3, 32, 32]
    assert (session.output_name, session.output_type) == ("logits", "tensor(float)")
    assert session.output_shape == ["batch", 4]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx: there is no such file; export a model with vidcls-export"):
        OnnxRuntimeSession(tmp_path / "gone.onnx", device="cpu")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a folder, expected a file"):
        OnnxRuntimeSession(tmp_path, device="cpu")


@pytest.mark.parametrize("content", [b"", b"not ONNX", b"\x00" * 1000, b"PK\x03\x04" + b"\x01" * 500, b"\xff" * 4096])
def test_what_is_not_onnx_is_named(content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"^[^\n]*other\.onnx: [^\n]*$"):
        OnnxRuntimeSession(path, device="cpu")
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99, 0.9999])
def test_a_cut_off_file_is_named(share: float, model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = model.read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match=r"^[^\n]*cut\.onnx: [^\n]*damaged[^\n]*$"):
        OnnxRuntimeSession(path, device="cpu")
    assert capfd.readouterr().out == ""


def test_a_text_that_is_not_utf8_is_damage(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_model(tmp_path / "model.onnx")
    content = path.read_bytes()
    for text in (b"pixel_values", b"Flatten"):
        path.write_bytes(content.replace(text, b"\xff" + text[1:]))
        with pytest.raises(ModelError, match=r"model\.onnx: .*damaged"):
            OnnxRuntimeSession(path, device="cpu")
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 1), (1, 2)])
def test_a_graph_of_another_kind_is_named(inputs: int, outputs: int, tmp_path: Path) -> None:
    path = write_graph(tmp_path / "other.onnx", inputs=inputs, outputs=outputs)
    with pytest.raises(ModelError, match=f"the graph has {inputs} inputs and {outputs} outputs, expected one of each"):
        OnnxRuntimeSession(path, device="cpu")


def test_a_graph_that_cannot_be_run_is_a_model_error(tmp_path: Path) -> None:
    session = OnnxRuntimeSession(write_graph(tmp_path / "bad.onnx", columns=7), device="cpu")
    with pytest.raises(ModelError, match=r"^[^\n]*bad\.onnx: onnxruntime cannot run it on device 'cpu'[^\n]*$"):
        session.run(np.zeros((2, 4), np.float32))


@pytest.mark.parametrize(
    "device", ["gpu", "CPU", "", "cuda:", "cuda:-1", "cuda:01", "cuda:x", "cuda:1\n", "cpu:0", None]
)
def test_an_unknown_device_is_refused_before_the_file_is_looked_at(device: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"device is .*, expected one of 'auto', 'cpu', 'cuda', or .*'cuda:1'"):
        OnnxRuntimeSession(tmp_path / "gone.onnx", device=device)  # type: ignore[arg-type]


def test_a_session_says_why_it_runs_where_it_does(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert OnnxRuntimeSession(model, device="cpu").device_reason == "the CPU was asked for"
    caplog.set_level("INFO", logger="vidcls")
    session = OnnxRuntimeSession(model, device="auto")
    (record,) = caplog.records
    assert session.device_reason in record.getMessage()


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_damaged_file_is_not_blamed_on_cuda(device: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not ONNX")
    with pytest.raises(ModelError, match=r"bad\.onnx: .*damaged"):
        OnnxRuntimeSession(tmp_path / "bad.onnx", device=device)
    assert caplog.records == []


# A provider of onnxruntime's CPU package that takes no node of any graph: what CUDA would not take looks the same.
IDLE = "AzureExecutionProvider"
needs_idle = pytest.mark.skipif(
    IDLE not in onnxruntime.get_available_providers(), reason=f"this onnxruntime has no {IDLE}"
)
names_nodes = pytest.mark.skipif(
    not hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info"),
    reason="this onnxruntime does not say which provider takes which nodes",
)


@needs_idle
@names_nodes
def test_nodes_that_would_stay_on_the_cpu_are_counted_and_named(model: Path) -> None:
    problem = open_whole(onnxruntime, model, provider=IDLE, options={})
    assert isinstance(problem, Problem)
    assert "leaves 2 of the graph's 2 nodes on the CPU (1 Flatten, 1 MatMul)" in problem.what


@needs_idle
def test_an_onnxruntime_that_cannot_name_nodes_refuses_them_all_the_same(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(onnxruntime.InferenceSession.__base__, "get_provider_graph_assignment_info", raising=False)
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.Fail, match="assigned to the default CPU EP"):
        open_whole(onnxruntime, model, provider=IDLE, options={})


@pytest.mark.skipif(PROVIDER in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA")
@names_nodes
def test_a_provider_that_does_not_start_is_no_session(model: Path) -> None:
    with (
        pytest.warns(UserWarning, match="not in available provider names"),
        pytest.raises(RuntimeError, match="went on without"),
    ):
        open_whole(onnxruntime, model, provider=PROVIDER, options={})


@names_nodes
def test_nodes_are_counted_by_the_provider_that_runs_them(model: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    assert nodes_by_provider(session) == {"CPUExecutionProvider": {"Flatten": 1, "MatMul": 1}}


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_bound_buffers_change_no_answer(dtype: str, tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.onnx", dtype=dtype)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    bound = BoundRuns(onnxruntime, session, device="cpu")
    shape = [4, 3, 32, 32] if dtype == "float32" else [4, 32, 32, 3]
    random = np.random.default_rng(0)
    answers = []
    for batch in (1, 3, 1, 2, 3):
        pixel_values = random.integers(0, 256, [batch, *shape]).astype(dtype)
        (expected,) = session.run(None, {"pixel_values": pixel_values})
        answers.append((bound.run(pixel_values), expected))
    for answer, expected in answers:  # after all of them: no answer may be a view of a buffer
        np.testing.assert_array_equal(answer, expected)


def test_bound_buffers_take_only_what_fits_them(model: Path) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    bound = BoundRuns(onnxruntime, session, device="cpu")
    right = np.ones([1, 4, 3, 32, 32], np.float32)
    bound.run(right)
    for wrong in (right.astype(np.float64), right.astype(np.uint8), right[..., :16], right[:, :, :, None]):
        with pytest.raises(ValueError, match=r"the input is .*, expected float32 \['batch', 4, 3, 32, 32\]"):
            bound.run(wrong)
    turned = np.arange(right.size, dtype=np.float32).reshape(right.shape).transpose(0, 1, 2, 4, 3)
    (expected,) = session.run(None, {"pixel_values": turned})
    np.testing.assert_array_equal(bound.run(turned), expected)


def test_bound_buffers_hold_one_run_at_a_time(model: Path) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    bound = BoundRuns(onnxruntime, session, device="cpu")
    inputs = [np.full([1, 4, 3, 32, 32], number, np.float32) for number in range(64)]
    expected = [bound.run(values) for values in inputs]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(bound.run, inputs))
    np.testing.assert_array_equal(found, expected)


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
