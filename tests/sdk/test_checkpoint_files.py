"""What the commands say that are to be pasted: nothing that a file brought is more there than a name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from vidcls import ModelError
from vidcls.huggingface import find_weights


@pytest.mark.parametrize(
    "name", ["$(touch exploded)", "`touch exploded`", "x'); touch('exploded", 'x"; touch exploded; "']
)
def test_a_name_in_an_adapter_is_no_command(tmp_path: Path, name: str) -> None:
    fields = {"base_model_name_or_path": name, "auto_mapping": {"base_model_class": name}}
    (tmp_path / "adapter_config.json").write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(
        ModelError, match=r"from transformers import AutoImageProcessor as I, AutoModelForVideo"
    ) as caught:
        find_weights(tmp_path)
    _, _, command = str(caught.value).partition("python -c ")
    assert "from_pretrained('...')" in command
    subprocess.run(["sh", "-c", f"true {command}"], check=True, cwd=tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_an_index_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.safetensors").write_bytes(b"")
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    index = folder / "model.safetensors.index.json"
    for name in ("../elsewhere.safetensors", str(tmp_path / "elsewhere.safetensors")):
        index.write_text(json.dumps({"weight_map": {"classifier.bias": name}}), encoding="utf-8")
        with pytest.raises(ModelError, match="is no name of a file beside it"):
            find_weights(folder)
    index.write_text("[]", encoding="utf-8")
    with pytest.raises(ModelError, match=r"index\.json: is not an index of weights"):
        find_weights(folder)


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\x02" + b"\0" * 7 + b"[]", b"\x02" + b"\0" * 7 + b"{}tail"])
def test_what_is_no_safetensors_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.safetensors: is not a whole file of safetensors \("):
        find_weights(tmp_path)
