"""A page: it fetches nothing, it runs nothing but its own script, and no name can become markup."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from html_page import Page, check_self_contained
from vidcls.pages.document import page, section
from vidcls.pages.markup import Markup, joined, preformatted, tag, void
from vidcls.pages.players import clip_player

HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "</style><script>alert(1)</script>",
    '" onload="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "<!-- -->]]>&lt;b&gt;&amp;",
    "wave\x00\x1b[2J\u202etxt\nnew line\u2028",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_markup(text: str) -> None:
    found = Page(page(text, [tag("p", text, title=text)], [section(text, tag("b", text), preformatted(text))]))
    check_self_contained(found)
    assert {name for name, _ in found.tags} == {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "p", "nav", "ul", "li", "a", "section", "h2",
        "b", "pre", "script",
    }  # fmt: skip
    assert found.all("p")[0].keys() == {"title"}
    control = [character for character in found.source if character != "\n" and not character.isprintable()]
    assert control == []


def test_numbers_none_and_markup_stand_as_they_are() -> None:
    assert joined([1, 2.5, 0.333333, None, Markup("<b>"), "<b>"]) == "12.50.33<b>&lt;b&gt;"
    assert void("input", class_="a", data_seconds=2, hidden=None) == '<input class="a" data-seconds="2">'


def test_preformatted_text_keeps_its_lines() -> None:
    assert Page(preformatted('{\n "a": "<b>"\n}')).text == '{\n "a": "<b>"\n} '


def test_sections_without_content_are_left_out_and_the_others_reached() -> None:
    found = Page(page("title", [], [section("first", "1"), section("empty"), section("last", None, "2")]))
    assert [link["href"] for link in found.all("a")] == ["#part0", "#part1"]
    assert [heading["id"] for heading in found.all("h2")] == ["part0", "part1"]
    assert "empty" not in found.text


@pytest.mark.skipif(
    os.environ.get("VIDCLS_SLOW_TESTS") != "1" or shutil.which("chromium") is None, reason="starts a browser"
)
def test_a_browser_obeys_the_policy_and_runs_the_players(tmp_path: Path) -> None:
    """The controls are there, the second frame of a clip is reached, and a style or a script of others is refused."""
    frames = np.zeros((4, 32, 32, 3), np.uint8)
    player = clip_player(frames, seconds=1.0, facts=[("label", "jump")], alt="a jump", most_bytes=10_000)
    text = page("title", [player], [])
    foreign = "<script>document.title='foreign'</script><p style='color: red' onclick='1' id=foreign></p>"
    moved = "<script>document.querySelector('button').click()</script>"
    path = tmp_path / "page.html"
    path.write_text(text.replace("</main>", f"</main>{foreign}{moved}"), encoding="utf-8")
    dom = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert "<title>title</title>" in dom
    assert '<div class="controls">' in dom
    assert 'aria-valuetext="frame 1 of 4"' in dom
