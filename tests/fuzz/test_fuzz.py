"""A few broken files of a fixed seed; `tests/fuzz/run.py` takes thousands."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fuzz import harness
from fuzz.mutants import Original, mutant, originals
from generated import write_model

MUTANTS = 60

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from Linux's /proc")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Original]:
    return originals(tmp_path_factory.mktemp("originals"), real=None)


def test_broken_files_end_in_a_prediction_or_an_error_of_ours(files: list[Original], tmp_path: Path) -> None:
    results = harness.run(
        files, model=write_model(tmp_path / "model.onnx"), folder=tmp_path, seed=1, numbers=range(MUTANTS)
    )
    assert [result.number for result in results] == list(range(MUTANTS))
    assert [result for result in results if result.is_bad] == []
    outcomes = {result.outcome for result in results}
    assert outcomes == {"answered", "VideoError"}


def test_a_mutant_is_the_same_again_and_differs_from_the_file(files: list[Original]) -> None:
    contents = dict(files)
    changed = 0
    for number in range(MUTANTS):
        description, broken = mutant(files, seed=1, number=number)
        assert (description, broken) == mutant(files, seed=1, number=number)
        changed += broken != contents[description.split(":")[0]]
    assert changed > MUTANTS * 0.9


@pytest.mark.parametrize(
    ("what", "outcome", "limit_seconds"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed", 5.0),
        ("time.sleep(60)", "too slow", 0.05),
        (
            """print('{"outcome": "answered", "message": "", "seconds": 0.1, "grown_mb": 300}', flush=True)""",
            "answered",
            5.0,
        ),
    ],
)
def test_what_may_not_happen_is_seen(
    what: str,
    outcome: str,
    limit_seconds: float,
    files: list[Original],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text(f"import os, signal, sys, time\nfor line in sys.stdin:\n    {what}\n", encoding="utf-8")
    monkeypatch.setattr(harness, "WORKER", worker)
    monkeypatch.setattr(harness, "LIMIT_SECONDS", limit_seconds)
    monkeypatch.setattr(harness, "START_SECONDS", limit_seconds)
    results = harness.run(files, model=tmp_path / "model.onnx", folder=tmp_path, seed=1, numbers=range(2))
    assert [result.outcome for result in results] == [outcome, outcome]
    assert all(result.is_bad for result in results)
