"""Examples in docstrings: each runs as it stands, and every public name has one.

An example finds vidcls's public names and np imported, and these files where it runs:

    model.onnx   a tiny model: 4 frames of 32 x 32 from 0.8 s, labels clap, jump, turn left, wave
    clip.avi     2 s at 25 fps
    long.mp4     6 s at 10 fps
    clips/       two more, a.mp4 and b.mp4
    data/        a folder of two clips for each of the labels clap and wave
"""

from __future__ import annotations

import ast
import doctest
import functools
import importlib
import importlib.util
import inspect
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import vidcls
from generated import write_clip, write_model

ROOT = Path(__file__).parents[2]
# make test-newest runs without what exporting needs first.
WITHOUT_EXPORT = importlib.util.find_spec("optimum") is None
SOURCES = (ROOT / "sdk", ROOT / "train", *(() if WITHOUT_EXPORT else (ROOT / "export",)))
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


# Needs a checkpoint and PyTorch: tests/export/test_exporter.py runs it.
ELSEWHERE = {"vidcls_export.exporter.export"}


def docstrings(path: Path, package: str) -> Iterator[doctest.DocTest]:
    """The docstrings of a module that have examples, read without importing it."""

    def below(node: ast.AST, name: str) -> Iterator[doctest.DocTest]:
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        text = ast.get_docstring(node) if documented else None  # type: ignore[arg-type]
        if text and ">>>" in text:
            line = getattr(node, "lineno", 1)
            yield doctest.DocTestParser().get_doctest(text, {"__name__": package}, name, str(path), line)
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr):
                yield from below(child, f"{name}.{child.name}" if hasattr(child, "name") else name)

    text = path.read_text(encoding="utf-8")
    if ">>>" in text:  # all tests wait for what is parsed here
        yield from below(ast.parse(text), package)


def names(package: str) -> dict[str, object]:
    """What an example may use: the public names, NumPy, and what its own module defines."""
    public = {name: getattr(vidcls, name) for name in vidcls.__all__}
    return {"np": np, **vars(importlib.import_module(package)), **public}


def examples() -> list[doctest.DocTest]:
    found: list[doctest.DocTest] = []
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            parts = path.relative_to(source).with_suffix("").parts
            found += docstrings(path, ".".join(part for part in parts if part != "__init__"))
    return [example for example in found if example.name not in ELSEWHERE]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    write_model(folder / "model.onnx")
    write_clip(folder / "clip.avi", frames=50, rate=25, codec="MJPG")
    write_clip(folder / "long.mp4", frames=60, rate=10)
    for number, name in enumerate(
        ("clips/a.mp4", "clips/b.mp4", "data/clap/0.mp4", "data/clap/1.mp4", "data/wave/0.mp4", "data/wave/1.mp4")
    ):
        write_clip(folder / name, frames=20 + number, rate=25)
    return folder


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_an_example_gives_what_it_says(
    example: doctest.DocTest, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    example.globs.update(names(example.globs["__name__"]))  # now: importing all modules takes longer than the examples
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=report.append)
    assert result.failed == 0, "".join(report)


def public_docstrings() -> dict[str, str]:
    """By name: of every public name, and of the public methods and properties of those that are classes of ours."""
    found = {}
    for name in vidcls.__all__:
        public = getattr(vidcls, name)
        found[name] = inspect.cleandoc(public.__doc__ or "")
        if not inspect.isclass(public):
            continue
        own = [base for base in public.__mro__ if base.__module__.startswith("vidcls.")]
        for member, value in itertools.chain.from_iterable(vars(base).items() for base in own):
            described = inspect.isfunction(value) or isinstance(value, property | functools.cached_property)
            if described and not member.startswith("_"):
                found[f"{name}.{member}"] = inspect.cleandoc(value.__doc__ or "")
    return found


def test_every_public_name_has_an_example() -> None:
    without = {name for name, text in public_docstrings().items() if ">>>" not in text}
    assert without == set(), "write an example into each of these docstrings"


def test_a_wrong_example_fails(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        'class A:\n    @property\n    def b(self):\n        """Some.\n\n        >>> 1 + 1\n        3\n        """\n'
    )
    (example,) = docstrings(module, "module")
    assert example.name == "module.A.b"
    assert doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=lambda _: None).failed == 1
