"""Typical mistakes are answered before PyTorch is loaded, which takes longer than all else that comes before a step."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mistakes import MISTAKES, MODULES, Mistake, environment

# Runs each command line in turn, and says what was loaded by its end; importing torch fails, so that it is fast.
_DRIVER = """
import importlib, json, sys
sys.modules.update(dict.fromkeys(("torch", "transformers", "sklearn", "matplotlib")))
from click.testing import CliRunner
for line in sys.stdin:
    module, arguments = json.loads(line)
    done = CliRunner().invoke(importlib.import_module(module).main, arguments)
    print(json.dumps([done.exit_code, done.output]), flush=True)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """{mistake: exit code and output}, of a Python that has no torch."""
    lines = []
    for mistake in MISTAKES:
        lines.append(json.dumps([MODULES[mistake.command], mistake.arguments(tmp_path_factory.mktemp("mistake"))]))
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER],
        input="\n".join(lines),
        env=environment(tmp_path_factory.mktemp("home")),
        capture_output=True,
        text=True,
        check=True,
    )
    answered = (json.loads(line) for line in done.stdout.splitlines())
    return {mistake.name: (code, told) for mistake, (code, told) in zip(MISTAKES, answered, strict=True)}


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_answered_without_torch_in_one_sentence(
    mistake: Mistake, answers: dict[str, tuple[int, str]]
) -> None:
    code, told = answers[mistake.name]
    assert re.search(mistake.told, told), told
    assert code == mistake.code, told
    assert told.splitlines()[-1].startswith("Error: "), told


def test_what_is_refused_leaves_no_output_folder(tmp_path: Path, answers: dict[str, tuple[int, str]]) -> None:
    assert answers  # they have been made
    left = [path for path in tmp_path.parent.glob("mistake*/out") if not any(path.iterdir())]
    assert left == []
