from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from region_model import REGION, write_region_model


@pytest.fixture(scope="session")
def region_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose answer is the light of one block of one frame, and nothing else."""
    return write_region_model(tmp_path_factory.mktemp("region") / "model.onnx")


@pytest.fixture(scope="session")
def two_lights() -> np.ndarray:
    """uint8 RGB [4, 32, 32, 3]: grey, with a light where the model looks, and one as bright where it does not."""
    frames = np.full((4, 32, 32, 3), 90, np.uint8)
    frames[REGION] = 250
    frames[2:3, 20:28, 20:28] = 250
    return frames
