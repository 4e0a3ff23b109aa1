from __future__ import annotations

from pathlib import Path

import pytest

from generated import write_model
from sdk.video.doors import KIND
from vidcls import VideoClassifier


@pytest.fixture(scope="session")
def doors_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model whose answers `doors` works out."""
    return write_model(tmp_path_factory.mktemp("model") / "model.onnx", **KIND)


@pytest.fixture(scope="session")
def doors_classifier(doors_model: Path) -> VideoClassifier:
    return VideoClassifier(doors_model, device="cpu")
