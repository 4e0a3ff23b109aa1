"""What is refused before a graph is made."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

from vidcls import ModelError
from vidcls_export.options import check_calibration
from vidcls_export.precision.choices import check_weights, needs_calibration


@pytest.mark.parametrize(
    ("hidden_size", "precision", "mend"),
    [(1280, "fp32", "--precision fp16"), (2560, "fp32", "a smaller model"), (2560, "fp16", "a smaller model")],
)
def test_weights_beyond_one_file_are_refused(hidden_size: int, precision: Any, mend: str) -> None:
    with torch.device("meta"):  # shapes without numbers
        model = VideoMAEForVideoClassification(
            VideoMAEConfig(
                **{"hidden_size": hidden_size, "intermediate_size": 4 * hidden_size},
                **{"num_attention_heads": 16, "num_hidden_layers": 32},
                **{"image_size": 16, "patch_size": 8, "num_frames": 2},
            )
        )
    with pytest.raises(ModelError, match=f"exceed the 2 GiB of one ONNX file; .*{mend}"):
        check_weights(model, precision=precision)


def test_fp16_and_static_int8_are_calibrated_and_only_static_int8_cannot_be_without_clips() -> None:
    kinds: list[Any] = [
        (precision, graph) for precision in ("fp32", "fp16", "int8") for graph in ("onnxruntime", "portable")
    ]
    assert [kind for kind in kinds if needs_calibration(*kind)] == [
        ("fp16", "onnxruntime"),
        ("fp16", "portable"),
        ("int8", "portable"),
    ]
    for kind in kinds:
        check_calibration(*kind, clips="clips")
        if kind != ("int8", "portable"):
            check_calibration(*kind, clips=None)
    with pytest.raises(ValueError, match="needs real clips for its calibration; name a folder of them"):
        check_calibration("int8", "portable", clips=None)
