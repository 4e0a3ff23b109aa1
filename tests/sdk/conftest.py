from __future__ import annotations

from pathlib import Path

import pytest

from generated import write_clip, write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny float32 model: 4 frames of 32 x 32 from 0.8 s, labels `generated.LABELS`."""
    return write_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 numbered frames of 160 x 120 at 25 fps."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames=50, rate=25)
