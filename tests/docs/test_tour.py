"""The notebook: clean as it is kept, its commands and imports there, and run from top to bottom in short form."""

from __future__ import annotations

import ast
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import vidcls
from documented import command_line, unknown_options
from notebooks import Output, code_cells, commands, run_cell
from slow import slow
from vidcls import Prediction, Segment

EXAMPLES = Path(__file__).parents[2] / "examples"
TOUR = EXAMPLES / "tour.ipynb"
CELLS = code_cells(TOUR)

# What makes the run short; the whole one is the notebook's own.
SHORT = {
    "--clips-per-class 500": "--clips-per-class 24 --val-per-class 8",
    "--test-per-class 20": "--test-per-class 8",
    "--epochs 5": "--epochs 1",
    "--runs 5": "--runs 1",
}


def test_it_is_a_notebook_and_kept_without_what_a_run_leaves() -> None:
    text = TOUR.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    identities = [cell["id"] for cell in notebook["cells"]]
    assert len(set(identities)) == len(identities)
    assert all(re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", identity) for identity in identities)
    for cell in notebook["cells"]:
        common = {"cell_type", "id", "metadata", "source"}
        assert set(cell) == (common | {"execution_count", "outputs"} if cell["cell_type"] == "code" else common)
        assert cell["metadata"] == {}
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert not re.search(r"/(home|root|Users|tmp|work)/|https?://(?!github\.com/)", text)


def test_it_is_valid_for_jupyter() -> None:
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.read(TOUR, as_version=4))


@pytest.mark.parametrize("command", [command for cell in CELLS for command in commands(cell)])
def test_its_commands_exist_with_their_options(command: str) -> None:
    if command.startswith("python "):
        script, text = command.split()[1], (EXAMPLES / command.split()[1]).read_text(encoding="utf-8")
        assert not [option for option in re.findall(r"--[\w-]+", command) if f'"{option}"' not in text], script
        return
    found = command_line(command)
    assert found, f"{command}: not a command of ours"
    assert not unknown_options(*found)


def test_its_code_parses_and_imports_public_names_alone() -> None:
    for cell in CELLS:
        without_commands = re.sub(r"^!(?:.*\\\n)*.*$", "", cell, flags=re.MULTILINE)
        for node in ast.walk(ast.parse(without_commands)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("vidcls"):
                assert node.module == "vidcls"
                assert {alias.name for alias in node.names} <= set(vidcls.__all__)


@slow
def test_it_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(EXAMPLES / "motion_dataset.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    outputs = [run_cell(cell, names, folder=tmp_path) for cell in map(shortened, CELLS)]
    assert_shown(outputs)
    written = {path.name for path in (tmp_path / "tour-files").iterdir()}
    assert written >= {"data", "checkpoint", "model.onnx", "film.avi", "timeline.png", "report"}


def shortened(cell: str) -> str:
    for long, short in SHORT.items():
        cell = cell.replace(long, short)
    return cell


def test_every_shortening_is_of_something_in_the_notebook() -> None:
    assert not [long for long in SHORT if not any(long in cell for cell in CELLS)]


def assert_shown(outputs: list[Output]) -> None:
    shown = [value for output in outputs for value in output.shown]
    assert sum(isinstance(value, Image.Image) for value in shown) == 5
    assert [type(value) for value in shown].count(Prediction) == 1
    assert any(isinstance(value, list) and isinstance(value[0], Segment) for value in shown)
    text = "".join(output.text for output in outputs)
    assert "gone.avi: there is no such file" in text
    assert "same top-1 answer" in text
    assert re.search(r"top-1 \d\.\d{4} \(\d\.\d\d to \d\.\d\d\), top-5 .* on 48 videos", text)
    assert ": ok on cpu" in text
