"""`vidcls verify`: JSON fields as promised, and the exit code."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from commands import json_lines, run
from generated import contract_fields, model_weights, self_test_logits, write_model


def test_verify_answers_in_json_with_the_promised_fields(model: Path) -> None:
    (answer,) = json_lines(run("verify", model, "--json").stdout)
    difference = answer.pop("max_abs_diff")
    assert 0 <= difference < answer["tolerance"]
    assert answer == {"ok": True, "tolerance": 0.001, "device": "cpu", "precision": "fp32"}
    assert run("verify", model).stdout.startswith(f"{model}: ok on cpu, fp32; ")


def test_verify_exits_with_1_where_the_proof_fails(tmp_path: Path) -> None:
    fields = contract_fields()
    fields["self_test"]["logits"] = [logit + 1 for logit in self_test_logits(fields)]
    model = write_model(tmp_path / "model.onnx", fields)
    result = run("verify", model, "--json", code=1)
    (answer,) = json_lines(result.stdout)
    assert answer["ok"] is False
    assert math.isclose(answer["max_abs_diff"], 1, abs_tol=0.001)
    assert run("verify", model, code=1).stdout == ""


def test_verify_of_a_model_without_finite_answers_is_still_json(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx")
    content = model.read_bytes()
    first = model_weights(contract_fields()).tobytes()[:16]
    model.write_bytes(content.replace(first, np.float32(np.nan).tobytes() + first[4:]))
    (answer,) = json_lines(run("verify", model, "--json", code=1).stdout)
    assert answer["ok"] is False
    assert answer["max_abs_diff"] is None
