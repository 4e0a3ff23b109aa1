"""What an answer hangs on is the same in every precision and by every engine: the maps of one checkpoint's exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generated import LABELS
from vidcls import Explanation, VideoClassifier

# Correlation with the fp32 file's map, at least. Measured on this untrained model: 1 - 3e-13 by another graph, 1 - 2e-7
# in fp16, 1 - 5e-4 in int8; another label's map has 0.15.
LEAST = {"fp32": 0.9999, "fp16": 0.999, "int8": 0.99}
KINDS = [("fp32", "portable"), ("fp16", "onnxruntime"), ("int8", "onnxruntime"), ("int8", "portable")]


def explained(path: Path, clip: Path, *, engine: Any = "onnxruntime", label: str | None = None) -> Explanation:
    return VideoClassifier(path, device="cpu", engine=engine).explain(clip, runs=200, label=label)


@pytest.fixture(scope="module")
def moving(clips: Path) -> Path:
    return clips / LABELS[0] / "long.mp4"


@pytest.fixture(scope="module")
def expected(exports: dict[tuple[str, str], Any], moving: Path) -> Explanation:
    return explained(exports["fp32", "onnxruntime"].path, moving)


def likeness(one: Explanation, other: Explanation) -> float:
    assert (one.label, one.replacement) == (other.label, other.replacement)
    return float(np.corrcoef(one.importance.ravel(), other.importance.ravel())[0, 1])


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_maps_agree(
    kind: tuple[str, str], exports: dict[tuple[str, str], Any], moving: Path, expected: Explanation
) -> None:
    found = explained(exports[kind].path, moving, label=expected.label)
    assert likeness(found, expected) > LEAST[kind[0]]


def test_openvino_agrees(exports: dict[tuple[str, str], Any], moving: Path, expected: Explanation) -> None:
    pytest.importorskip("openvino")
    found = explained(exports["fp32", "onnxruntime"].path, moving, engine="openvino", label=expected.label)
    assert likeness(found, expected) > LEAST["fp32"]
