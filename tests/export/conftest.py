from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from generated import LABELS, write_clip
from power_cut import Recording, recorded

# A machine without the export extra, or with transformers 5, which Optimum does not know yet, runs the other tests.
if find_spec("optimum") is None or version("transformers").startswith("5."):
    collect_ignore_glob = ["test_*.py", "*/test_*.py"]


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one folder of clips per label; two labels have clips, of different lengths and shapes."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / LABELS[0] / "long.mp4", frames=60)
    write_clip(folder / LABELS[0] / "short.mp4", frames=7)
    write_clip(folder / LABELS[2] / "tall.mp4", frames=40, width=96, height=160)
    return folder


@pytest.fixture(scope="session")
def recorded_exports(
    checkpoint: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[tuple[str, str], Any], Recording]:
    """An export of each kind, and what of them reached the disk when."""
    from vidcls_export.exporter import export

    folder = tmp_path_factory.mktemp("exports")
    with recorded() as recording:
        reports = {
            (precision, graph): export(
                checkpoint, folder / f"{precision}-{graph}.onnx", precision=precision, graph=graph, check=clips
            )
            for precision in ("fp32", "fp16", "int8")
            for graph in ("onnxruntime", "portable")
        }
    return reports, recording


@pytest.fixture(scope="session")
def exports(recorded_exports: tuple[dict[tuple[str, str], Any], Recording]) -> dict[tuple[str, str], Any]:
    """{(precision, graph): report} of an export of each kind, checked on `clips`."""
    return recorded_exports[0]


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint, to spoil."""
    return Path(shutil.copytree(checkpoint, tmp_path / "copied"))


@pytest.fixture
def plain(copied: Path) -> Path:
    """The checkpoint as Hugging Face's tools leave it: without a contract."""
    (copied / "vidcls.json").unlink()
    return copied


@pytest.fixture
def edit_json() -> Callable[..., None]:
    """edit_json(path, key=value) sets keys of a JSON file's object; `without` names one to remove."""

    def edit(path: Path, *, without: str | None = None, **changes: Any) -> None:
        fields = json.loads(path.read_text(encoding="utf-8")) | changes
        fields.pop(without, None)
        path.write_text(json.dumps(fields), encoding="utf-8")

    return edit


@pytest.fixture
def edit_weights(copied: Path, edit_json: Callable[..., None]) -> Callable[..., Path]:
    """edit_weights(change) lets `change` alter the model in the copied checkpoint; its contract stays true."""
    import torch
    from transformers import VideoMAEForVideoClassification

    def edit(change: Callable[[Any], object]) -> Path:
        model = VideoMAEForVideoClassification.from_pretrained(copied)
        with torch.no_grad():
            change(model)
        model.save_pretrained(copied)
        source = json.loads((copied / "vidcls.json").read_text(encoding="utf-8"))["source"]
        sha256 = hashlib.sha256((copied / "model.safetensors").read_bytes()).hexdigest()
        edit_json(copied / "vidcls.json", source=source | {"checkpoint_sha256": sha256})
        return copied

    return edit
