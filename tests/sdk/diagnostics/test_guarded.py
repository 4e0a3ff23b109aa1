"""A hostile file verified in a process of its own: one sentence, in time and memory, whatever it does there."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from fuzz.hostile_graphs import GRAPHS
from fuzz.model_mutants import complete_fields, embedded
from vidcls import ModelError, VidclsError
from vidcls.diagnostics import guarded
from vidcls.diagnostics.guarded import verify_guarded
from vidcls.errors import ArgumentError


def write_graph(path: Path, name: str) -> Path:
    path.write_bytes(embedded(json.dumps(complete_fields()), GRAPHS[name]()))
    return path


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits memory")
def test_a_graph_that_asks_for_gigabytes_is_refused_within_its_limit(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "m.onnx", "8 GB")
    try:
        result = verify_guarded(path, max_seconds=60, max_memory_mb=1000)
    except ModelError as error:  # onnxruntime 1.23 asks for it when it opens the graph
        problem = str(error)
    else:
        assert not result.ok
        problem = result.problem or ""
    assert "running the graph takes more memory than there is (1 : FAIL" in problem or "bad_alloc" in problem


@pytest.mark.clock
def test_a_graph_that_computes_for_minutes_is_given_up(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "m.onnx", "minutes of work")
    # The sentence says which limit ended it: the one of every run would come after five seconds.
    with pytest.raises(ModelError, match=r"m\.onnx: opening and running it takes more than 2 s; given up"):
        verify_guarded(path, max_seconds=2)


@pytest.mark.parametrize(
    "limits",
    [
        *({"max_seconds": seconds} for seconds in (0, -1, float("inf"), float("nan"), 1e10)),
        *({"max_seconds": 60, "max_memory_mb": megabytes} for megabytes in (0, 10**13)),
    ],
    ids=str,
)
def test_limits_that_the_system_cannot_be_given_are_refused(limits: dict[str, Any], model: Path) -> None:
    with pytest.raises(ArgumentError, match=r"^max_\w+ is .*, expected "):
        verify_guarded(model, **limits)


@pytest.mark.parametrize(
    ("program", "kind", "problem"),
    [
        ("os.abort()", ModelError, r"m\.onnx: the process that opened it ended with SIGABRT; the file is damaged"),
        ("sys.exit(3)", ModelError, "ended with exit code 3; the file is damaged"),
        ("""print('{"type": "DeviceError", "error": "no card"}')""", VidclsError, "^no card$"),
    ],
)
def test_whatever_becomes_of_the_process_is_one_sentence(
    program: str, kind: type[Exception], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hostile.py").write_text(f"import os, sys\n{program}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(guarded, "_MODULE", "hostile")
    with pytest.raises(kind, match=problem):
        verify_guarded("m.onnx", max_seconds=60)


def test_a_limit_that_the_system_cannot_set_is_wrong_usage(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ArgumentError, match="the memory of a process can only be limited on Linux"):
        verify_guarded(model, max_seconds=60, max_memory_mb=1000)
