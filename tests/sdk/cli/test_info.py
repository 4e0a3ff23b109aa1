"""`vidcls info`: JSON fields as promised."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import json_lines, run
from generated import LABELS, contract_fields, write_model


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_info_answers_in_json_with_the_promised_fields(dtype: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx", dtype=dtype)
    fields = contract_fields(dtype=dtype)
    (answer,) = json_lines(run("info", model, "--json").stdout)
    assert answer == {
        "labels": list(LABELS),
        "frames": 4,
        "clip_seconds": 0.8,
        "image": fields["image"],
        "precision": "fp32",
        "input": {
            "name": "pixel_values",
            "shape": ["batch", 4, 3, 32, 32] if dtype == "float32" else ["batch", 4, 32, 32, 3],
            "dtype": dtype,
        },
        "source": fields["source"],
        "decision": fields["decision"],
        "tokens": fields["tokens"],
        "file_mb": pytest.approx(model.stat().st_size / 1e6, abs=0.001),
    }


def test_info_tells_people_licence_accuracy_and_parity(model: Path, tmp_path: Path) -> None:
    text = run("info", model).stdout
    for part in ("cc-by-nc-4.0", "someone/some-base", "top-1 0.500", "clap, jump, turn left, wave", "0.0009"):
        assert part in text
    fields = contract_fields()
    fields["source"].update(base=None, base_license=None)
    fields.update(accuracy=None, parity=None)
    text = run("info", write_model(tmp_path / "model.onnx", fields)).stdout
    for part in ("from scratch", "not measured", "unproven"):
        assert part in text
