"""Commands as pages and notebooks have them: found in the text, and compared with click's own options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click

import vidcls.cli.main
import vidcls_export.cli
import vidcls_train.cli.finetune
import vidcls_train.cli.pretrain

COMMANDS = {
    "vidcls": vidcls.cli.main.main,
    "vidcls-train": vidcls_train.cli.finetune.main,
    "vidcls-pretrain": vidcls_train.cli.pretrain.main,
    "vidcls-export": vidcls_export.cli.main,
}
MODULES = {"vidcls.cli": "vidcls", "vidcls_train.cli": "vidcls-train"}  # as in python -m, torchrun -m

FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def shell_lines(text: str) -> Iterator[str]:
    """Lines of sh blocks, and those of console blocks behind a "$ "; lines that go on by a backslash are joined."""
    for language, block in FENCED.findall(text):
        lines = block.replace("\\\n", " ").splitlines()
        if language == "sh":
            yield from filter(None, map(str.strip, lines))
        elif language == "console":
            yield from (line.removeprefix("$ ") for line in lines if line.startswith("$ "))


def command_line(line: str) -> tuple[str, list[str]] | None:
    """The command of ours that a shell line runs, and its arguments; None where it runs something else."""
    words = shlex.split(line, comments=True)
    if not words:
        return None
    if words[0] in COMMANDS:
        return words[0], words[1:]
    for module, name in MODULES.items():
        if "-m" in words and words[words.index("-m") + 1] == module:
            return name, words[words.index("-m") + 2 :]
    return None


def unknown_options(name: str, arguments: list[str]) -> list[str]:
    command: click.Command = COMMANDS[name]
    if isinstance(command, click.Group):
        assert arguments[0] in command.commands, f"there is no command '{name} {arguments[0]}'"
        command, arguments = command.commands[arguments[0]], arguments[1:]
    context = click.Context(command, help_option_names=["-h", "--help"])
    known = {
        option for parameter in command.get_params(context) for option in (*parameter.opts, *parameter.secondary_opts)
    }
    given = [word.partition("=")[0] for word in arguments if re.match(r"--?[A-Za-z]", word)]
    return [option for option in given if option not in known]
