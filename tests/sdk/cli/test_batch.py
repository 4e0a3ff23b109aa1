"""`vidcls batch`: on what it runs, decided before Ray starts."""

from __future__ import annotations

import click
import pytest

from vidcls.cli.batch import _gpu_share


@pytest.mark.parametrize(
    ("device", "engine", "given", "share"),
    [
        ("auto", "onnxruntime", None, 0.0),
        ("cpu", "openvino", None, 0.0),
        ("auto", "onnxruntime", 0.25, 0.25),
        ("cuda", "onnxruntime", None, 1.0),
        ("cuda", "onnxruntime", 0.5, 0.5),
    ],
)
def test_a_device_or_a_share_of_a_card_says_where(device: str, engine: str, given: float | None, share: float) -> None:
    assert _gpu_share(device, engine, given) == share


@pytest.mark.parametrize(
    ("device", "engine", "given", "problem"),
    [
        ("cuda:1", "onnxruntime", None, "--device cuda:1 names one card, and Ray chooses them"),
        ("cuda", "onnxruntime", 0.0, "needs a share of a GPU"),
        ("cpu", "onnxruntime", 0.5, "--gpus-per-actor is for CUDA"),
        ("cuda", "openvino", None, "--engine openvino is for CPUs"),
        ("auto", "openvino", 0.5, "--engine openvino is for CPUs"),
    ],
)
def test_what_does_not_go_together_is_refused(device: str, engine: str, given: float | None, problem: str) -> None:
    with pytest.raises(click.UsageError, match=problem):
        _gpu_share(device, engine, given)
