"""What only a CUDA card can show. Without one these skip, or fail where VIDCLS_REQUIRE_CUDA=1 promises one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidcls import DeviceError, VideoClassifier
from vidcls.clips import read_clips
from vidcls.runtime import cuda
from vidcls.runtime.onnxruntime_session import OnnxRuntimeSession, import_onnxruntime, nodes_by_provider

pytestmark = pytest.mark.usefixtures("cuda_card")

# fp32: sums of the same products in another order. fp16: 11 bits of every number in between, on logits of several
# units. Both against PyTorch in fp32 on the same card.
TOLERANCE = {"fp32": 1e-3, "fp16": 2e-2}
# The same fp16 kernels or others of their kind: a graph's capture and another batch size may choose among them.
KERNELS = 1e-2


@pytest.fixture(scope="module", params=["fp32", "fp16"])
def precision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def exported(precision: str, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from vidcls_export.exporter import export

    target = tmp_path_factory.mktemp("exported") / f"{precision}.onnx"
    return export(checkpoint, target, precision=precision).path  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pytorch(checkpoint: Path) -> Iterator[Any]:
    """The checkpoint on the card in fp32: float32 [N, T, 3, h, w] -> logits."""
    import torch
    from transformers import VideoMAEForVideoClassification

    model = VideoMAEForVideoClassification.from_pretrained(checkpoint).eval().cuda()

    def answer(pixel_values: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(model(torch.from_numpy(pixel_values).cuda()).logits.cpu())

    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    yield answer
    torch.backends.cudnn.allow_tf32 = allowed


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    """16 random inputs of the checkpoint's model, more than one run takes."""
    return np.random.default_rng(0).standard_normal([16, 4, 3, 32, 32]).astype(np.float32)


def test_every_node_runs_on_the_card(exported: Path) -> None:
    session = OnnxRuntimeSession(exported, device="cuda")
    assert session.device == "cuda"
    assert set(nodes_by_provider(session._session)) == {"CUDAExecutionProvider"}


def test_auto_takes_the_card_and_says_so(exported: Path, cuda_card: str) -> None:
    classifier = VideoClassifier(exported)
    assert classifier.device == "cuda"
    assert classifier.device_reason == f"CUDA runs all of the graph on {cuda_card}"
    assert classifier.verify().ok


def test_a_card_that_is_not_there_is_refused_with_how_many_there_are(exported: Path) -> None:
    cards = len(cuda.find_cuda(import_onnxruntime()).cards)
    with pytest.raises(DeviceError, match=rf"device 'cuda:{cards}' was asked for, but .* {cards} NVIDIA card"):
        VideoClassifier(exported, device=f"cuda:{cards}")
    assert VideoClassifier(exported, device="cuda:0").device == "cuda"


def test_the_second_card_answers_as_the_first(exported: Path, inputs: np.ndarray) -> None:
    if len(cuda.find_cuda(import_onnxruntime()).cards) < 2:
        pytest.skip("only one card here")
    second = OnnxRuntimeSession(exported, device="cuda:1")
    assert (second.device, second.batch) == ("cuda:1", 8)
    assert second._session.get_provider_options()["CUDAExecutionProvider"]["device_id"] == "1"
    first = OnnxRuntimeSession(exported, device="cuda").run(inputs)
    np.testing.assert_allclose(second.run(inputs), first, rtol=0, atol=KERNELS)
    assert VideoClassifier(exported, device="cuda:1").verify().device == "cuda:1"


def test_logits_are_pytorchs(exported: Path, precision: str, pytorch: Any, inputs: np.ndarray) -> None:
    logits = OnnxRuntimeSession(exported, device="cuda").run(inputs)
    expected = pytorch(inputs)
    assert expected.std() > 1
    np.testing.assert_allclose(logits, expected, rtol=0, atol=TOLERANCE[precision])


def test_bound_buffers_change_no_answer(exported: Path, inputs: np.ndarray) -> None:
    session = OnnxRuntimeSession(exported, device="cuda")
    for batch in (1, 8, 3, 1):
        (expected,) = session._session.run(None, {session.input_name: inputs[:batch]})
        np.testing.assert_array_equal(session.run(inputs[:batch]), expected)


def test_views_in_one_batch_answer_as_alone(exported: Path, inputs: np.ndarray) -> None:
    session = OnnxRuntimeSession(exported, device="cuda")
    alone = np.concatenate([session.run(part) for part in inputs[:, None]])
    np.testing.assert_allclose(session.run(inputs), alone, rtol=0, atol=KERNELS)


def test_real_clips_have_pytorchs_answers(exported: Path, precision: str, pytorch: Any, real_data: Path) -> None:
    from vidcls.preprocessing import normalise

    classifier = VideoClassifier(exported, device="cuda")
    clips = sorted((real_data / "ucf8" / "test").glob("*/*.avi"))
    assert clips
    for clip in clips:
        frames = read_clips(clip, classifier.contract).frames
        (expected,) = pytorch(normalise(frames, classifier.contract.image))
        logits = classifier.predict(clip).logits
        np.testing.assert_allclose(logits, expected, rtol=0, atol=TOLERANCE[precision])
        first, second = np.sort(expected)[::-1][:2]
        assert logits.argmax() == expected.argmax() or first - second < TOLERANCE[precision]
