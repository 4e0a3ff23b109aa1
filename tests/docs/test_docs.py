"""README and docs: short enough, links that resolve, and command lines whose options exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from documented import FENCED, command_line, shell_lines, unknown_options

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
README_LINES = 120  # what a reader takes in before deciding whether to go on

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
