"""What was named as a checkpoint and is not there is answered without PyTorch and without the hub's retries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from socket import create_server

import pytest

from loopback import free_port
from vidcls.errors import ModelError
from vidcls_export.checkpoint.files import check_files
from vidcls_export.checkpoint.location import named

# Importing torch fails, as it would take longer than all else.
_DRIVER = """
import sys
sys.modules.update(dict.fromkeys(("torch", "transformers", "onnxruntime", "optimum")))
from vidcls_export.cli import main
main(sys.argv[1:])
"""
# The library's own retries take minutes.
_PATIENCE_SECONDS = 30


def told(checkpoint: str, hub: str, folder: Path) -> str:
    """What an export says with the hub at this address and nothing in the cache."""
    environment = {"HF_ENDPOINT": hub, "HF_HOME": str(folder), "HF_HUB_OFFLINE": "0", "HF_HUB_ETAG_TIMEOUT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER, checkpoint, "-o", str(folder / "model.onnx")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=_PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    return done.stderr


def test_a_hub_that_refuses_is_one_sentence(tmp_path: Path) -> None:
    said = told("owner/model", f"http://127.0.0.1:{free_port()}", tmp_path)
    assert said.startswith("Error: owner/model: is neither a folder nor in the cache of this machine")
    assert "'hf download owner/model --local-dir FOLDER'" in said
    assert said.endswith("copy FOLDER here and export FOLDER\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("checkpoint", "expected"),
    [
        ("owner/model", "the hub does not answer within 1 s"),
        ("runs/of/mine", "runs/of/mine: there is no such folder; name a checkpoint's folder, or a model on the hub"),
    ],
)
def test_a_hub_that_never_answers_is_not_waited_for(checkpoint: str, expected: str, tmp_path: Path) -> None:
    with create_server(("127.0.0.1", 0)) as listener:  # which takes connections, and no requests
        assert expected in told(checkpoint, f"http://127.0.0.1:{listener.getsockname()[1]}", tmp_path)


def test_a_folder_is_called_as_it_is_whatever_stands_around_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "e").mkdir()
    with (
        pytest.raises(ModelError, match=r"^e: holds no model\.safetensors; name a folder made by"),
        named("e/") as place,
    ):
        check_files(place, clip_seconds=None, tokens=None)
