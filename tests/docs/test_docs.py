"""README and docs: short enough, links that resolve, and command lines whose options exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import vidcls.cli.main
import vidcls_export.cli
import vidcls_train.cli.finetune
import vidcls_train.cli.pretrain

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
README_LINES = 120  # what a reader takes in before deciding whether to go on

COMMANDS = {
    "vidcls": vidcls.cli.main.main,
    "vidcls-train": vidcls_train.cli.finetune.main,
    "vidcls-pretrain": vidcls_train.cli.pretrain.main,
    "vidcls-export": vidcls_export.cli.main,
}
MODULES = {"vidcls.cli": "vidcls", "vidcls_train.cli": "vidcls-train"}  # as in python -m, torchrun -m

FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^)\s]+)\)(?:\{[^}]*\})?")


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def prose(text: str) -> str:
    """The page without code, in which brackets are no links."""
    return INLINE.sub("", FENCED.sub("", text))


def anchors(page: Path) -> set[str]:
    """What the headings of a page are linked by, as Markdown's table of contents and GitHub make it."""
    headings = re.findall(r"^#+ +(.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().lower().replace(" ", "-") for heading in headings}


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


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_resolve(page: Path) -> None:
    for target in LINK.findall(prose(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):  # elsewhere
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.is_file(), f"{target}: there is no such file"
        assert not anchor or anchor in anchors(linked), f"{target}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_options_of_commands_exist(page: Path) -> None:
    for line in shell_lines(page.read_text(encoding="utf-8")):
        if found := command_line(line):
            unknown = unknown_options(*found)
            assert not unknown, f"{line}: there is no option {', '.join(unknown)}"


def test_the_korean_quickstart_goes_the_whole_way_and_its_programs_are_python() -> None:
    text = (ROOT / "docs/ko/quickstart.md").read_text(encoding="utf-8")
    found = {words[0] if words[0] != "vidcls" else f"vidcls {words[1]}" for words in map(str.split, shell_lines(text))}
    steps = {"vidcls doctor", "vidcls-train", "vidcls-export", "vidcls verify", "vidcls predict", "vidcls watch"}
    assert steps <= found
    programs = [block for language, block in FENCED.findall(text) if language == "python"]
    assert len(programs) == 2
    for program in programs:
        compile(program, "quickstart.md", "exec")
    for page in ("README.md", "docs/index.md"):
        assert "ko/quickstart.md" in (ROOT / page).read_text(encoding="utf-8"), page


def test_an_unknown_option_is_found() -> None:
    line = "vidcls predict model.onnx clip.mp4 --top-k 3 --viewz 5 --json  # not an option"
    assert unknown_options(*command_line(line) or ("", [])) == ["--viewz"]
    assert command_line("pip install '.[cpu]'") is None
    assert command_line("torchrun --nproc-per-node 2 -m vidcls_train.cli clips -o out") == (
        "vidcls-train",
        ["clips", "-o", "out"],
    )
