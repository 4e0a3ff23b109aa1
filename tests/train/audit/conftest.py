from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from audited import write_data


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set without a fault."""
    return write_data(tmp_path_factory.mktemp("sound") / "data")


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Path:
    """A copy of it for planting faults."""
    return Path(shutil.copytree(sound, tmp_path / "data"))
