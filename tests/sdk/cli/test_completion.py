"""Completion in a shell, as click makes it of the commands: names, choices, and the shell's own for files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete

from vidcls.cli.main import main


def completed(*words: str) -> list[str]:
    """What comes after all words but the last, and begins with that."""
    found = BashComplete(main, {}, "vidcls", "_VIDCLS_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [item.value if item.type == "plain" else item.type for item in found]


def test_commands_options_and_choices_are_completed() -> None:
    assert completed("pre") == ["predict", "preview"]
    assert completed("verify", "--device", "c") == ["cpu", "cuda"]
    assert completed("watch", "--decoder", "") == ["auto", "opencv", "pyav"]
    assert completed("timeline", "--sr") == ["--srt"]


@pytest.mark.parametrize("command", sorted(main.commands))
def test_models_and_videos_are_files(command: str) -> None:
    for parameter in main.commands[command].params:
        if isinstance(parameter, click.Argument):
            assert isinstance(parameter.type, click.Path), parameter.name
    if main.commands[command].params[0].name == "model":
        assert completed(command, "mod") == ["file"]


def test_bash_completes_with_the_script_that_the_documentation_names() -> None:
    bash = shutil.which("bash")
    if bash is None or os.name == "nt":
        pytest.skip("no bash here")
    typed = (
        'eval "$(_VIDCLS_COMPLETE=bash_source vidcls)"; COMP_WORDS=(vidcls time); COMP_CWORD=1; '
        '_vidcls_completion vidcls; echo "${COMPREPLY[@]}"'
    )
    folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run([bash, "-c", typed], env=environment, capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("timeline\n", "")
