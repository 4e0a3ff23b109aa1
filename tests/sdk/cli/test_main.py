"""What all commands do alike: help, wrong usage, files that are no models."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from commands import json_lines, run, run_process
from generated import write_clip, write_model
from vidcls.cli.main import main


@pytest.fixture(scope="module")
def stretching_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("stretch") / "stretch.onnx", resize="stretch")


@pytest.mark.parametrize("command", [[], *([name] for name in sorted(main.commands))], ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_explains_itself(command: list[str], option: str) -> None:
    assert run(*command, option).stdout.startswith("Usage: ")


def test_the_version_is_the_packages() -> None:
    import vidcls

    assert run("--version").stdout.split()[-1] == vidcls.__version__


@pytest.mark.parametrize(
    "options",
    [
        ["--views", "0"],
        ["--views", "-1"],
        ["--views", "x"],
        ["--crops", "2"],
        ["--crops", "0"],
        ["--device", "gpu"],
        ["--unknown"],
    ],
)
@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_wrong_options_exit_with_2(command: str, options: list[str], model: Path, clip: Path) -> None:
    result = run(command, model, clip, *options, code=2)
    assert result.stderr.startswith("Usage: ")
    assert result.stdout == ""


def test_wrong_usage_exits_with_2(model: Path, stretching_model: Path, clip: Path) -> None:
    assert "stretches" in run("predict", stretching_model, clip, "--crops", 3, code=2).stderr
    assert "stretches" in run("evaluate", stretching_model, clip.parent, "--crops", 3, code=2).stderr
    run("predict", model, clip, "--top-k", 0, code=2)
    run("predict", model, code=2)
    run("predict", code=2)
    run("unknown", code=2)
    run("preview", model, clip, code=2)


@pytest.mark.parametrize("command", ["predict", "evaluate", "preview", "info", "verify"])
def test_a_file_that_is_no_model_is_one_sentence_and_exit_1(command: str, clip: Path, tmp_path: Path) -> None:
    arguments: dict[str, list[str | Path]] = {
        "predict": [clip],
        "evaluate": [tmp_path],
        "preview": [clip, "-o", tmp_path / "out.gif"],
    }
    for model in (clip, tmp_path / "gone.onnx", write_model(tmp_path / "plain.onnx", key=None)):
        result = run(command, model, *arguments.get(command, []), code=1)
        assert result.stdout == ""
        assert result.stderr.startswith(f"Error: {model}: ")
        assert result.stderr.count("\n") == 1


def test_the_command_works_as_a_program(model: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", frames=8).rename(tmp_path / "-ünï 左.mp4")
    result = run_process("predict", model, "--json", "--", "-ünï 左.mp4", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    (answer,) = json_lines(result.stdout)
    assert answer["video"] == "-ünï 左.mp4"

    result = run_process("predict", model, "--views", "0", "x.mp4")
    assert (result.returncode, result.stdout) == (2, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["info", "predict"])
def test_a_result_that_cannot_be_printed_is_one_sentence(
    command: str, unbuffered: str, model: Path, clip: Path
) -> None:
    arguments = [command, str(model), *([str(clip)] if command == "predict" else [])]
    with open("/dev/full", "w") as full:  # noqa: PTH123 - no file
        found = subprocess.run(
            [sys.executable, "-m", "vidcls.cli", *arguments],
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert found.returncode == 1
    assert found.stderr.startswith("Error: ")
    assert found.stderr.endswith("[Errno 28] No space left on device" + (")\n" if command == "info" else "\n"))
    assert found.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="closes file descriptors by a shell")
@pytest.mark.parametrize(("closed", "answers"), [("2>&-", True), (">&-", False)])
def test_a_stream_that_is_closed_is_no_terminal(closed: str, answers: bool, model: Path, clip: Path) -> None:
    command = shlex.join([sys.executable, "-m", "vidcls.cli", "predict", str(model), str(clip)])
    found = subprocess.run(["sh", "-c", f"{command} {closed}"], capture_output=True, text=True, check=False)
    assert found.returncode == 0
    assert (clip.name in found.stdout) is answers
    assert found.stderr == ""
