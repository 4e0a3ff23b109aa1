"""A page as a browser would read it: its tags, its text, and that it neither fetches nor runs anything foreign."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

_VOID = ("meta", "img", "input")


class Page(HTMLParser):
    """Every tag is closed; `tags` are (name, attributes), `text` what stands between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += f"{data} "

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """The attributes of all such tags that have these among theirs; `class_` for class."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [found for name, found in self.tags if name == tag and wanted.items() <= found.items()]


def check_self_contained(page: Page) -> None:
    """Nothing is loaded from elsewhere, and nothing runs but one script, which the page's policy names by its hash."""
    names = {name for name, _ in page.tags}
    assert not names & {"link", "iframe", "object", "embed", "form", "base", "img", "video", "audio", "use"}
    for tag, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on") or name in ("src", "srcset", "style")}
        if "href" in attributes:
            start = {"a": "#part", "image": "data:image/jpeg;base64,"}[tag]
            assert attributes["href"].startswith(start)
    assert "url(" not in page.source
    assert "@import" not in page.source
    (policy,) = (found["content"] for found in page.all("meta", http_equiv="Content-Security-Policy"))
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        (content,) = re.findall(f"<{kind}>(.*?)</{kind}>", page.source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
