from __future__ import annotations

from pathlib import Path

import pytest

from generated import write_checkpoint


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A checkpoint as Hugging Face's tools leave it: without a contract."""
    folder = write_checkpoint(tmp_path / "plain")
    (folder / "vidcls.json").unlink()
    return folder
