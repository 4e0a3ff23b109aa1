"""Every line of docs/guides/expectations.md that is ours runs, on a tiny model and videos made here."""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from documented import COMMANDS, FENCED, unknown_options
from generated import write_clip, write_model, write_scene
from slow import slow
from vidcls import VideoError

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "expectations.md").read_text(encoding="utf-8")

# These load PyTorch and take minutes: by default only their options are checked.
WITH_PYTORCH = ("vidcls-train", "vidcls-export")


def our_lines() -> Iterator[str]:
    """Of the right column of each table, what is code and no mere option."""
    for row in re.findall(r"^\|(?!--)(.+)\|$", PAGE, re.MULTILINE):
        yield from (code for code in re.findall(r"`([^`]+)`", row.split(" | ")[-1]) if not code.startswith("--"))


LINES = list(dict.fromkeys(our_lines()))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_model(folder / "model.onnx", frames=16)
    write_clip(folder / "clip.mp4", frames=50)
    write_clip(folder / "long.mp4", frames=60, rate=10)
    for name in ("clips/a.mp4", "clips/b.mp4", "data/clap/a.mp4", "data/wave/b.mp4"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "clip.mp4", folder / name)
    return folder


@pytest.fixture(scope="module")
def names(files: Path) -> dict[str, Any]:
    """What the page takes for granted, but for pandas, which takes seconds: the lines that need it import it."""
    (setup,) = (block for language, block in FENCED.findall(PAGE) if language == "python")
    assert "import pandas\n" in setup
    made: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(files)
        exec(setup.replace("import pandas\n", ""), made)  # noqa: S102 - the page's own
    return made


@pytest.mark.parametrize("line", LINES)
def test_the_line_runs(line: str, files: Path, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    name, *arguments = shlex.split(line) if line.startswith("vidcls") else ("",)
    if name:
        assert not unknown_options(name, arguments)
    if name in WITH_PYTORCH:
        return
    if name:
        result = CliRunner().invoke(COMMANDS[name], arguments)
        assert result.exit_code == 0 or line == "vidcls doctor", result.output
        return
    given = {"pandas": pytest.importorskip("pandas")} if "pandas" in line else {}
    with suppress(VideoError) if ".stream(0)" in line else nullcontext():  # which no machine has to have
        exec(line, {**names, **given})  # noqa: S102 - the page's own


@slow
def test_the_lines_with_pytorch_run(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(files / "model.onnx", tmp_path)
    for number, label in itertools.product(range(10), ("clap", "wave")):
        write_scene(tmp_path / "data" / label / f"v_{label}_g{number:02}_c01.avi", place=number, take=label == "wave")
    monkeypatch.chdir(tmp_path)
    for line in (line for line in LINES if line.startswith(WITH_PYTORCH)):
        name, *arguments = shlex.split(line)
        result = CliRunner().invoke(COMMANDS[name], arguments)
        # A model of three epochs knows nothing, so that int8 may change its answers: then it says so.
        assert result.exit_code == 0 or "below the minimum agreement" in result.output, result.output


def test_every_table_has_lines_of_ours_and_what_is_pending_is_among_them() -> None:
    assert len(LINES) > 50
    rows = [row for row in re.findall(r"^\|(?!--)(.+)\|$", PAGE, re.MULTILINE) if "there | here" not in row]
    assert not [row for row in rows if "`" not in row.split(" | ")[-1]]
