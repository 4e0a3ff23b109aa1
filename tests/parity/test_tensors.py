"""Tensors of PyTorch as frames: read without the SDK importing PyTorch, and answered as arrays are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from generated import write_model
from vidcls import VideoClassifier
from vidcls.inputs.frames import as_frames


def test_tensors_are_answered_as_the_arrays_they_hold(tmp_path: Path) -> None:
    classifier = VideoClassifier(write_model(tmp_path / "model.onnx"), device="cpu")
    frames = np.random.default_rng(0).integers(0, 256, (12, 48, 64, 3), np.uint8)
    expected = classifier.predict(frames, fps=10.0).logits
    whole = torch.from_numpy(frames)
    turned = whole.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)  # as a decoder's [T, C, H, W] is given
    for given in (whole, list(whole), turned):
        np.testing.assert_array_equal(classifier.predict(given, fps=10.0).logits, expected)
    times = torch.arange(12, dtype=torch.float64) / 10
    np.testing.assert_array_equal(classifier.predict(whole, times=times).logits, expected)
    assert all(np.shares_memory(frame, frames) for frame in as_frames(whole))


def test_tensors_that_are_no_pixels_are_refused() -> None:
    with pytest.raises(TypeError, match="frames is a tensor of float32, expected a uint8 numpy array"):
        as_frames(torch.zeros(4, 32, 32, 3))
    with pytest.raises(TypeError, match="frame 0 is a tensor of bfloat16"):
        as_frames([torch.zeros(32, 32, 3, dtype=torch.bfloat16)])
    with pytest.raises(ValueError, match=r"shape \[4, 3, 32, 32\], .*permute\(0, 2, 3, 1\) of a tensor"):
        as_frames(torch.zeros(4, 3, 32, 32, dtype=torch.uint8))
    with pytest.raises(TypeError, match=r"is a tensor on meta, .*bring it to the CPU first"):
        as_frames(torch.zeros(4, 32, 32, 3, dtype=torch.uint8, device="meta"))
