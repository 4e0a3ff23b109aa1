"""Notebooks without a kernel: their cells, the commands in these, and what comes of running them in one namespace."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Behind a command, what keeps progress bars out of a notebook, whose commands have a terminal of their own.
PIPED = " 2>&1 | cat"
_COMMAND = re.compile(r"^!((?:.*\\\n)*.*)$", re.MULTILINE)


@dataclass
class Output:
    """What a cell showed: its text, and the value of its last line."""

    text: str = ""
    shown: list[Any] = field(default_factory=list)


def code_cells(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def commands(cell: str) -> list[str]:
    """The lines behind "!", each in one piece."""
    return [line.replace("\\\n", " ").removesuffix(PIPED) for line in _COMMAND.findall(cell)]


def run_cell(cell: str, names: dict[str, Any], *, folder: Path) -> Output:
    """Run a cell as a notebook does in `folder`, commands by the shell with this Python's own programs first."""
    output = Output()
    for piece, is_command in _pieces(cell):
        if is_command:
            output.text += _run_command(piece, folder)
            continue
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            output.shown += _run_python(piece, names)
        output.text += text.getvalue()
    return output


def _pieces(cell: str) -> Iterator[tuple[str, bool]]:
    """Python and commands in turn."""
    for number, piece in enumerate(_COMMAND.split(cell)):
        if piece.strip():
            yield piece, number % 2 == 1


def _run_command(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    line = command.replace("\\\n", " ").removesuffix(PIPED)
    result = subprocess.run(
        shlex.split(line), cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
    return result.stdout + result.stderr


def _run_python(text: str, names: dict[str, Any]) -> list[Any]:
    """Run it; the value of its last line where that is an expression."""
    tree = ast.parse(text)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        exec(compile(tree, "<cell>", "exec"), names)  # noqa: S102 - a cell of ours
        return []
    exec(compile(ast.Module(tree.body[:-1], []), "<cell>", "exec"), names)  # noqa: S102 - a cell of ours
    value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)  # noqa: S307 - a cell of ours
    for as_shown in ("_repr_html_", "_repr_png_"):
        getattr(value, as_shown, str)()
    return [] if value is None else [value]
