"""Typical mistakes are answered before PyTorch, OpenCV, NumPy and the hub's library are loaded, which take seconds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mistakes import MISTAKES, MODULES, Mistake, environment

# Runs each command line in turn, without what takes long to import: importing it fails. Of the hub's library one
# mistake needs something, that about a token.
_DRIVER = """
import importlib, json, sys
from click.testing import CliRunner
slow = ("torch", "transformers", "sklearn", "matplotlib", "cv2", "av", "onnxruntime", "numpy", "PIL")
for line in sys.stdin:
    module, arguments = json.loads(line)
    sys.modules.update(dict.fromkeys((*slow, "huggingface_hub")))
    if "--push-to-hub" in arguments:
        del sys.modules["huggingface_hub"]
    done = CliRunner().invoke(importlib.import_module(module).main, arguments)
    print(json.dumps([done.exit_code, done.output]), flush=True)
"""


def run(lines: list[tuple[str, list[str]]], home: Path) -> list[tuple[int, str]]:
    """(exit code, output) of each (module, arguments), by a Python that lacks what takes long to import."""
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER],
        input="\n".join(map(json.dumps, lines)),
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    return [(code, told) for code, told in map(json.loads, done.stdout.splitlines())]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """{mistake: exit code and output}."""
    lines = [(MODULES[mistake.command], mistake.arguments(tmp_path_factory.mktemp("mistake"))) for mistake in MISTAKES]
    answered = run(lines, tmp_path_factory.mktemp("home"))
    return {mistake.name: answer for mistake, answer in zip(MISTAKES, answered, strict=True)}


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_answered_in_one_sentence_without_what_loads_slowly(
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


def test_what_is_missing_is_named_where_it_is_needed_first(tmp_path: Path) -> None:
    for label in ("jump", "wave"):
        for split in ("train", "val"):
            folder = tmp_path / "clips" / split / label
            folder.mkdir(parents=True)
            for number in range(4):
                (folder / f"{number}.mp4").touch()
    clips, output = str(tmp_path / "clips"), str(tmp_path / "out")
    lines = [
        (MODULES["vidcls-train"], [clips, "-o", output, "--base", "owner/model"]),
        (MODULES["vidcls-train"], [clips, "--base", "owner/model", "--check-only"]),
        (MODULES["vidcls-pretrain"], [clips, "-o", output, "--base", "owner/model"]),
        (MODULES["vidcls-export"], ["owner/model", "-o", f"{output}.onnx"]),
    ]
    for code, told in run(lines, tmp_path / "home"):
        assert code == 1
        assert "needs packages that are not installed (import of huggingface_hub halted" in told
        assert told.startswith("Error: ")
        assert told.count("\n") == 1
