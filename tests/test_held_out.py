"""A benchmark that is stopped goes on with what is not whole: half a run's answers are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="the benchmark trains")
pytest.importorskip("sklearn")

from audited import write_data
from benchmarks import held_out
from generated import write_checkpoint
from vidcls_train.output.scoring import all_logits


def test_a_run_that_is_stopped_between_its_splits_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, output = write_data(tmp_path / "data"), tmp_path / "out"
    write_checkpoint(output / "without-jump", labels=("swim", "wave"))
    (output / "without-jump" / "metrics.json").write_text("{}", encoding="utf-8")  # it is trained
    command = ["labels", str(data), "-o", str(output), "--only", "without-jump"]

    def stopped_in_test(*arguments: Any, label: str, **options: Any) -> Any:
        if label.endswith("test"):
            raise KeyboardInterrupt
        return all_logits(*arguments, label=label, **options)

    monkeypatch.setattr("benchmarks.held_out.all_logits", stopped_in_test)
    assert CliRunner().invoke(held_out.main, command).exit_code != 0
    monkeypatch.setattr("benchmarks.held_out.all_logits", all_logits)
    assert CliRunner().invoke(held_out.main, command).exit_code == 0
    lines = (output / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    assert sum('"split": "val"' in line for line in lines) == 4
    assert any('"split": "test"' in line for line in lines)
