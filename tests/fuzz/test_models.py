"""A selection of hostile and damaged model files; `tests/fuzz/models.py` takes all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz import harness
from fuzz.model_mutants import Mutant, model_mutants
from fuzz.models import SCRIPT, Result, run_models
from generated import write_model
from slow import IS_SLOW

# What takes seconds, on purpose.
SLOW = (
    "minutes of work",
    "empty lists",
    "many keys",
    "among many",
    "nothing but",
    "doubling",
    "product",
    "12 MB",
    "13 MB",
)
EVERY = 1 if IS_SLOW else 5

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is limited and read on Linux only")


@pytest.fixture(scope="module")
def mutants(tmp_path_factory: pytest.TempPathFactory) -> list[Mutant]:
    return model_mutants(tmp_path_factory.mktemp("mutants"))


def selected(mutants: list[Mutant]) -> Iterator[Mutant]:
    """All, or of contracts every fifth, and of files and graphs those that are quick."""
    for number, mutant in enumerate(mutants):
        of_a_field = " = " in mutant.description
        slow = any(name in mutant.description for name in SLOW)
        if EVERY == 1 or (number % EVERY == 0 if of_a_field else not slow):
            yield mutant


def test_hostile_files_end_in_a_right_answer_or_one_bounded_line(mutants: list[Mutant], tmp_path: Path) -> None:
    assert len(mutants) >= 200
    results: list[Result] = list(run_models(selected(mutants), tmp_path))
    assert [result for result in results if result.is_bad] == []
    outcomes = {result.outcome for result in results}
    assert outcomes == {"ModelError", "right answer", "failed verification"}


def test_a_mutant_is_the_same_again(mutants: list[Mutant], tmp_path: Path) -> None:
    again = model_mutants(tmp_path)
    assert [mutant.description for mutant in again] == [mutant.description for mutant in mutants]
    assert all(one.make() == other.make() for one, other in zip(mutants[:20], again, strict=False))


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
