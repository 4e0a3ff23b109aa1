"""OpenVINO on the files that onnxruntime reads: the same answers, and one sentence for what it cannot do."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from generated import contract_fields, model_logits, write_model
from vidcls import DeviceError, ModelError, VideoClassifier
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession

# Both sum 12288 float32 products per logit, in orders of their own; the logits spread over several units.
SUM_ORDER = 1e-4


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


class TestWithOpenVino:
    @pytest.fixture(autouse=True)
    def _needs_openvino(self) -> None:
        pytest.importorskip("openvino", reason='needs pip install "vidcls[openvino]"')

    @pytest.mark.parametrize("dtype", ["float32", "uint8"])
    def test_answers_are_those_of_plain_numpy(self, dtype: str, frames: np.ndarray, tmp_path: Path) -> None:
        path = write_model(tmp_path / "model.onnx", dtype=dtype)
        classifier = VideoClassifier(path, engine="openvino")
        expected = model_logits(frames, contract_fields(dtype=dtype))
        np.testing.assert_allclose(classifier.predict_frames(frames).logits, expected, atol=SUM_ORDER)
        assert classifier.device == "cpu"
        assert classifier.provider.startswith("OpenVINO 20")
        assert classifier.verify().ok

    def test_a_session_tells_what_onnxruntimes_tells(self, model: Path) -> None:
        from vidcls.runtime.openvino_session import OpenVinoSession

        found, known = OpenVinoSession(model), OnnxRuntimeSession(model, device="cpu")
        for name in ("device", "batch", "input_name", "input_type", "output_name", "output_type"):
            assert getattr(found, name) == getattr(known, name), name
        assert found.input_shape[1:] == known.input_shape[1:]
        assert found.output_shape[1:] == known.output_shape[1:]

    def test_a_batch_and_threads_answer_alike(self, model: Path) -> None:
        from vidcls.runtime.openvino_session import OpenVinoSession

        session = OpenVinoSession(model)
        batch = np.random.default_rng(1).standard_normal((6, 4, 3, 32, 32)).astype(np.float32)
        together = session.run(batch)
        assert together.shape == (6, 4)
        with ThreadPoolExecutor(4) as pool:
            apart = list(pool.map(session.run, [one[None] for one in batch] * 4))
        np.testing.assert_array_equal(np.concatenate(apart), np.concatenate([together] * 4))

    def test_a_changed_weight_fails_the_self_test(self, tmp_path: Path) -> None:
        fields = contract_fields()
        fields["self_test"]["logits"] = [0.0, 1.0, 2.0, 3.0]
        result = VideoClassifier(write_model(tmp_path / "model.onnx", fields), engine="openvino").verify()
        assert not result.ok
        assert result.problem is not None
        assert "differ from PyTorch's" in result.problem

    def test_fused_attention_is_that_of_numpy(self, tmp_path: Path) -> None:
        from onnx import TensorProto, helper, save

        from vidcls.runtime.openvino_session import OpenVinoSession

        node = helper.make_node(
            "MultiHeadAttention", ["x", "x", "x"], ["y"], domain="com.microsoft", num_heads=2, scale=0.25
        )
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 5, 8]) for name in "xy"]
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
        graph = helper.make_graph([node], "attention", values[:1], values[1:])
        save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "attention.onnx")
        x = np.random.default_rng(2).standard_normal((1, 5, 8)).astype(np.float32)
        heads = [x[0, :, :4], x[0, :, 4:]]
        weights = [np.exp(head @ head.T * 0.25) for head in heads]
        expected = np.concatenate(
            [w / w.sum(axis=1, keepdims=True) @ head for w, head in zip(weights, heads, strict=True)], axis=1
        )
        np.testing.assert_allclose(OpenVinoSession(tmp_path / "attention.onnx").run(x)[0], expected, atol=SUM_ORDER)

    @pytest.mark.parametrize("content", [b"", b"not ONNX", b"PK\x03\x04" + b"\x01" * 500])
    def test_what_is_not_onnx_is_one_sentence(
        self, content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "other.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"^[^\n]*other\.onnx: [^\n]*$"):
            VideoClassifier(path, engine="openvino")
        assert capfd.readouterr() == ("", "")

    def test_another_onnx_file_is_no_model_of_ours(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="not a vidcls model"):
            VideoClassifier(write_model(tmp_path / "model.onnx", key=None), engine="openvino")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"gone\.onnx: there is no such file"):
            VideoClassifier(tmp_path / "gone.onnx", engine="openvino")


def test_openvino_is_for_cpus(model: Path) -> None:
    with pytest.raises(DeviceError, match=r"device 'cuda' was asked for, but engine 'openvino' is for CPUs"):
        VideoClassifier(model, device="cuda", engine="openvino")


@pytest.mark.parametrize("wrong", [{"engine": "tensorrt"}, {"engine": "openvino", "device": "npu"}])
def test_what_is_wrong_is_named_with_what_there_is(wrong: dict[str, str], model: Path) -> None:
    with pytest.raises(ValueError, match=r"is '(tensorrt|npu)', expected one of '"):
        VideoClassifier(model, **wrong)  # type: ignore[arg-type]


def test_without_openvino_the_pip_line_is_given(model: Path, tmp_path: Path) -> None:
    (tmp_path / "openvino.py").write_text("raise ImportError('none here')", encoding="utf-8")
    program = (
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom vidcls.cli.main import main\n"
        f"main(['verify', {str(model)!r}, '--engine', 'openvino'])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == (
        "Error: openvino cannot be imported (none here); install it with 'pip install \"vidcls[openvino]\"'\n"
    )
