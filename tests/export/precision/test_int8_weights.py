"""How weights become bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from vidcls_export.graph.pixels import patch_chain
from vidcls_export.precision.int8_weights import patch_weights


@pytest.mark.parametrize("level_free", [False, True])
def test_patch_weights_are_rounded_so_that_a_patch_of_one_colour_gives_what_it_did(level_free: bool) -> None:
    generator = np.random.default_rng(0)
    exact = generator.normal(size=(2, 8, 8, 3, 96))  # frame, row, column, colour, width
    if level_free:
        exact -= exact.mean(axis=(1, 2), keepdims=True)
    whole, scales = patch_weights(exact.reshape(-1, 96))
    assert whole.dtype == np.int8
    in_steps = exact.reshape(-1, 96) / scales
    assert np.abs(whole).max(axis=0).tolist() == [64] * 96
    assert np.abs(whole - in_steps).max() < 1
    # 255 for red, green or blue in all pixels of both frames: half a step each.
    for colour in range(3):
        patch = np.zeros((2, 8, 8, 3))
        patch[..., colour] = 255
        off = patch.reshape(-1) @ (whole * scales - exact.reshape(-1, 96))
        assert (np.abs(off) <= 255 * scales * 0.5001).all()


def test_weights_are_rounded_to_the_nearer_whole_number_where_sums_allow() -> None:
    column = np.array([64, 0, 0, 10.2, 0, 0, -7.1, 0, 0, 3.9, 0, 0])  # one colour: 64, 10.2, -7.1, 3.9
    whole, scales = patch_weights(column[:, None])
    assert scales.tolist() == [1.0]
    assert whole[::3, 0].tolist() == [64, 10, -7, 4]
    assert not whole[1::3].any()


@pytest.mark.parametrize("kind", ["onnxruntime", "portable"])
def test_both_kinds_of_file_hold_the_patch_embedding_so(exports: dict[Any, Any], kind: str) -> None:
    float_graph = onnx.load(exports["fp32", kind].path).graph
    exact = tensors(float_graph)[patch_chain(float_graph)[-1].input[1]].astype(np.float64)
    candidates = [
        value
        for value in tensors(onnx.load(exports["int8", kind].path).graph).values()
        if value.dtype == np.int8 and value.shape == exact.shape
    ]
    whole, _ = patch_weights(exact)
    assert any(np.array_equal(candidate, whole) for candidate in candidates)


def tensors(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
