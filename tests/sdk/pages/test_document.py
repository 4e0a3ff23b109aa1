"""A page: it fetches nothing, it runs nothing but its own script, and no name can become markup."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from html_page import Page, check_self_contained
from slow import IS_SLOW
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


IN_A_BROWSER = pytest.mark.skipif(not IS_SLOW or shutil.which("chromium") is None, reason="starts a browser")


def in_browser(html: str, folder: Path) -> str:
    """What a browser makes of a page, after two seconds of its own clock."""
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom"]
    return subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=60, check=True).stdout


def page_with_a_clip() -> str:
    player = clip_player(
        np.zeros((4, 32, 32, 3), np.uint8), seconds=1.0, facts=[("label", "jump")], alt="a jump", most_bytes=10_000
    )
    return page("title", [player], [])


@IN_A_BROWSER
def test_a_browser_runs_the_page_s_own_script_and_no_other(tmp_path: Path) -> None:
    foreign = "<script>document.title='foreign'</script><img src=x onerror='document.title=1'>"
    dom = in_browser(page_with_a_clip().replace("</main>", f"</main>{foreign}"), tmp_path)
    assert "<title>title</title>" in dom
    assert '<div class="controls">' in dom
    assert 'aria-valuetext="frame 1 of 4"' in dom


@IN_A_BROWSER
def test_a_clip_plays_pauses_and_is_scrubbed(tmp_path: Path) -> None:
    """Four frames in a second: after 0.6 s of playing the third is shown, 0.6 s of pause change nothing."""
    tried = """<script>
        const button = document.querySelector("button"), slider = document.querySelector("input");
        const x = () => document.querySelector("image").getAttribute("x");
        const seen = [x()];
        button.click();
        setTimeout(() => { button.click(); seen.push(x(), button.textContent); }, 600);
        setTimeout(() => {
            seen.push(x());
            slider.value = 3;
            slider.dispatchEvent(new Event("input"));
            document.title = [...seen, x()].join();
        }, 1200);
    </script>"""
    html = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", page_with_a_clip())
    dom = in_browser(html.replace("</body>", f"{tried}</body>"), tmp_path)
    assert "<title>0,-64,Play,-64,-96</title>" in dom
