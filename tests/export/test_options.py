"""Where an export may write: not over what it did not make."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidcls.errors import ArgumentError
from vidcls_export.options import target_of


@pytest.mark.parametrize(
    ("output", "report"),
    [
        ("checkpoint/model.safetensors", None),
        ("clips/jump.MP4", None),
        ("model.onnx", "checkpoint/config.json"),
        ("model.onnx", "old.onnx"),
    ],
)
def test_a_file_of_another_kind_is_not_replaced(output: str, report: str | None, tmp_path: Path) -> None:
    path, page = tmp_path / output, None if report is None else tmp_path / report
    there = path if page is None else page
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_bytes(b"hours of work")
    with pytest.raises(ArgumentError, match=r"is there already, and no (ONNX|HTML) file by its name") as refused:
        target_of(path, page, "fp32", "onnxruntime", None)
    assert str(there) in str(refused.value)
    there.unlink()
    assert target_of(path, page, "fp32", "onnxruntime", None).path == path


@pytest.mark.parametrize("name", ["model.onnx", "MODEL.ONNX", "model"])
def test_an_earlier_model_and_its_page_are_replaced(name: str, tmp_path: Path) -> None:
    for path in (tmp_path / name, tmp_path / "page.htm"):
        path.touch()
    target = target_of(tmp_path / name, tmp_path / "page.htm", "fp32", "onnxruntime", None)
    assert (target.path.name, target.page.name) == (name, "page.htm")
