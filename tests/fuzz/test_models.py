"""A selection of hostile and damaged model files; `tests/fuzz/models.py` takes all."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import harness, models
from fuzz.model_mutants import Mutant, model_mutants
from fuzz.models import SCRIPT, run_models
from generated import write_model
from slow import IS_SLOW

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is limited and read on Linux only")


@pytest.mark.clock  # each file has ten seconds
def test_hostile_files_end_in_a_right_answer_or_one_bounded_line() -> None:
    """In a process of their own, as they are made, too: whatever becomes of it is told, and the other tests go on."""
    command = [sys.executable, str(models.__file__), *([] if IS_SLOW else ["--quick"])]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, (run.returncode, run.stdout, run.stderr)
    outcomes = set(re.findall(r"^ *\d+  (.+)$", run.stdout, re.MULTILINE))
    assert outcomes == {"ModelError", "right answer", "failed verification"}


def test_a_mutant_is_the_same_again(tmp_path: Path) -> None:
    first, again = (model_mutants(tmp_path) for _ in range(2))
    assert len(first) >= 200
    assert [mutant.description for mutant in again] == [mutant.description for mutant in first]
    assert all(one.make() == other.make() for one, other in zip(first[:20], again, strict=False))


def test_what_may_not_happen_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound: dict[str, object] = {"outcome": "ModelError", "message": "m.onnx: no", "seconds": 0.1, "peak_mb": 100.0}
    bad: list[dict[str, object]] = [
        {"outcome": "wrong answer"},
        {"outcome": "other error"},
        {"seconds": 11.0},
        {"peak_mb": 1001.0},
        {"message": "two\nlines"},
        {"message": "x" * 1001},
    ]
    for change in [{}, *bad]:
        answers = {**sound, **change}
        monkeypatch.setattr(harness.Worker, "ask", lambda _worker, _task, answers=answers: answers)
        (result,) = run_models([Mutant("one", bytes)], tmp_path)
        assert result.is_bad == bool(change)
    assert SCRIPT.is_file()
    assert write_model(tmp_path / "m.onnx").is_file()
