from __future__ import annotations

import os
from pathlib import Path

import pytest

from generated import write_checkpoint

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random VideoMAE with its contract."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real clips (see README, "Tests"); tests that need it skip where it is missing."""
    folder = Path(os.environ.get("VIDCLS_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real clips at {folder}; set VIDCLS_TEST_DATA")
    return folder
