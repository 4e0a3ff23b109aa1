"""The lean SDK needs nothing that POSIX alone has: its modules are imported, and a clip answered, with that hidden."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vidcls
import windows_like
from generated import LABELS, write_clip
from slow import slow
from vidcls import VideoClassifier

SDK = Path(vidcls.__file__).parent
# Used where they are there, and done without where not: (module, name).
WITH_A_WAY_ROUND = {
    ("cpus.py", "os.sched_getaffinity"),
    ("concurrency/prefetch.py", "os.setpriority"),
    ("concurrency/prefetch.py", "os.PRIO_PROCESS"),
    ("concurrency/child_process.py", "fcntl"),
    ("concurrency/child_process.py", "select.poll"),
    ("concurrency/daemons.py", "os.register_at_fork"),
    ("concurrency/forks.py", "os.register_at_fork"),
    ("diagnostics/benchmark.py", "resource"),
    ("diagnostics/guarded.py", "resource"),
    ("runtime/deadline.py", "os.register_at_fork"),
    ("watch/lock.py", "fcntl"),
}
PROGRAM = """
import importlib, json, pkgutil, sys
from pathlib import Path

import vidcls

assert sys.is_windows_like
for module in pkgutil.walk_packages(vidcls.__path__, "vidcls."):
    if not module.name.startswith("vidcls.batch.") and not module.name.endswith("__main__"):
        importlib.import_module(module.name)

from vidcls.cli.main import main

model, clip, folder = sys.argv[1:]
classifier = vidcls.VideoClassifier(model)
print(json.dumps(classifier.predict(clip).logits.tolist()))
print(json.dumps([answer.label for answer in classifier.predict_many([clip, clip])]))
with classifier.stream(clip) as stream:
    print(json.dumps(next(stream).label))
for command in (
    ["info", model],
    ["verify", model],
    ["timeline", model, clip, "--plot", str(Path(folder) / "plot.png")],
    ["preview", model, clip, "-o", str(Path(folder) / "preview.gif")],
    ["evaluate", model, str(Path(clip).parents[1]), "--report", str(Path(folder) / "report")],
    ["predict", model, clip, "--json"],
):
    main(command, standalone_mode=False)
"""


@pytest.fixture(scope="module")
def like_windows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python that is like one on Windows."""
    folder = windows_like.write_sitecustomize(tmp_path_factory.mktemp("windows"))
    path = os.pathsep.join([str(folder), str(SDK.parent), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "PYTHONWARNDEFAULTENCODING": "1"}


@pytest.fixture(scope="module")
def labelled_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / LABELS[0] / "clip.mp4", frames=50, rate=25)


def run(environment: dict[str, str], *arguments: object) -> str:
    command = [sys.executable, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, encoding="utf-8")
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def test_the_sdk_answers_without_what_posix_alone_has(
    model: Path, labelled_clip: Path, like_windows: dict[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    lines = run(like_windows, program, model, labelled_clip, tmp_path).splitlines()
    here = VideoClassifier(model).predict(labelled_clip)
    assert json.loads(lines[0]) == here.logits.tolist()
    assert json.loads(lines[1]) == [here.label] * 2
    assert json.loads(lines[2]) in LABELS
    assert json.loads(lines[-1])["label"] == here.label
    assert {"plot.png", "preview.gif", "report"} <= {path.name for path in tmp_path.iterdir()}


@slow
def test_the_sdk_measures_and_checks_itself_without_it(
    model: Path, labelled_clip: Path, like_windows: dict[str, str]
) -> None:
    measured = json.loads(run(like_windows, "-m", "vidcls.cli", "bench", model, labelled_clip, "--runs", 2, "--json"))
    assert measured["runs"] == 2
    assert json.loads(run(like_windows, "-m", "vidcls.cli", "doctor", "--json"))["ok"]


def test_it_is_really_hidden(like_windows: dict[str, str], tmp_path: Path) -> None:
    package = tmp_path / "vidcls_other"
    package.mkdir()
    (package / "__init__.py").touch()
    checks = {
        "import fcntl": "ModuleNotFoundError",
        "from resource import getrusage": "ModuleNotFoundError",
        "import os; os.fork()": "AttributeError",
        "from signal import SIGKILL": "ImportError",
        "import os, tempfile; os.open(tempfile.gettempdir(), os.O_RDONLY)": "PermissionError",
        "import os; file = open('a', 'w', encoding='utf-8'); os.replace('a', 'b')": "PermissionError",
        "open('a', 'w')": "EncodingWarning",
        "import sys; assert sys.platform == 'linux'": "AssertionError",
    }
    (package / "check.py").write_text(
        "import sys\n"
        f"for check, error in {checks!r}.items():\n"
        "    try:\n"
        "        exec(check)\n"
        "    except Exception as found:\n"
        "        assert type(found).__name__ == error, (check, found)\n"
        "    else:\n"
        "        raise SystemExit(check)\n",
        encoding="utf-8",
    )
    environment = {**like_windows, "PYTHONPATH": f"{tmp_path}{os.pathsep}{like_windows['PYTHONPATH']}"}
    run(environment, "-c", f"import os; os.chdir({str(tmp_path)!r}); import vidcls_other.check")


def names_of_posix(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in windows_like.MODULES)
        elif isinstance(node, ast.ImportFrom):
            if node.module in windows_like.MODULES:
                yield str(node.module)
            hidden = windows_like.NAMES.get(str(node.module), ())
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name in hidden)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.attr in windows_like.NAMES.get(node.value.id, ())
        ):
            yield f"{node.value.id}.{node.attr}"


def test_what_posix_alone_has_is_named_nowhere_but_where_there_is_a_way_round() -> None:
    found = {
        (path.relative_to(SDK).as_posix(), name)
        for path in SDK.rglob("*.py")
        if "batch" not in path.relative_to(SDK).parts
        for name in names_of_posix(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == WITH_A_WAY_ROUND


def test_every_file_is_opened_in_an_encoding_that_is_named() -> None:
    for path in SDK.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                named = {keyword.arg for keyword in node.keywords}
                where = f"{path}:{node.lineno}"
                assert node.func.attr not in ("read_text", "write_text") or "encoding" in named, where


def test_a_thread_without_a_priority_of_its_own_works_all_the_same(
    model: Path, labelled_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ProcessLookupError(3, "No such process")  # macOS, where a thread is no process

    monkeypatch.setattr("os.setpriority", refuse)
    answers = list(VideoClassifier(model).predict_many([labelled_clip] * 3))
    assert len(answers) == 3
