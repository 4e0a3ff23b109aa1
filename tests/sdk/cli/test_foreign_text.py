"""Names of files and labels cannot forge a line on a terminal, and run nothing in a spreadsheet; JSON stays exact."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from commands import json_lines, run
from generated import write_clip, write_model
from vidcls.errors import MAX_SENTENCE

LABELS = ("=1+1", "@SUM(A1)", "-2", "left\u200f")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names of files")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A video whose name clears the screen and forges an error."""
    return write_clip(tmp_path / "clip.mp4", frames=20).rename(tmp_path / "a\x1b[2J\nError: forged\u202e.mp4")


def test_a_name_is_one_line_for_people_and_exact_in_json(hostile: Path, model: Path) -> None:
    result = run("predict", model, hostile, "--top-k", 1)
    assert len(result.stdout.splitlines()) == 2
    assert r"a\x1b[2J\nError: forged\u202e.mp4" in result.stdout
    assert not {"\x1b", "\u202e"} & set(result.stdout)
    (answer,) = json_lines(run("predict", model, hostile, "--json").stdout)
    assert answer["video"] == str(hostile)


def test_a_name_in_an_error_is_one_line(hostile: Path, model: Path) -> None:
    hostile.write_bytes(b"no video")
    stderr = run("predict", model, hostile, code=1).stderr
    assert stderr.startswith(f"Error: {hostile.parent}/a\\x1b[2J\\nError: forged")
    assert stderr.count("\n") == 1
    for command in ("info", "verify"):
        assert run(command, hostile, code=1).stderr.count("\n") == 1
    long = run("predict", model, "x" * 100_000, code=1).stderr
    assert len(long) < MAX_SENTENCE + 100


def test_a_report_for_spreadsheets_runs_nothing(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model.onnx", labels=LABELS)
    for label in LABELS:
        write_clip(tmp_path / "data" / label / "clip.mp4", frames=20)
    result = run("evaluate", model, tmp_path / "data", "--report", tmp_path / "report")
    assert "left\\u200f" in result.stdout
    with (tmp_path / "report" / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == {"'=1+1", "'@SUM(A1)", "'-2", "left\u200f"}
    assert not any(row["predicted"].startswith(("=", "@", "-")) for row in rows)
    lines = run("timeline", model, tmp_path / "data" / "-2" / "clip.mp4", "--csv").stdout.splitlines()
    assert all(line.split(",")[2].startswith(("label", "'", "left")) for line in lines)
