"""Sections -> one HTML page, which fetches nothing and runs nothing but its own few lines."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidcls.pages.markup import Content, Markup, joined, name, tag, void


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page under a heading of its own; one without content is left out."""

    heading: str
    content: Markup


def section(heading: str, *content: Content) -> Section:
    """A section of some elements."""
    return Section(heading=heading, content=joined(content))


def page(title: str, head: Iterable[Content], sections: Sequence[Section]) -> str:
    """A whole page.

    Args:
        title: what the page is about.
        head: what stands above the sections: the verdict and the key figures.
        sections: in their order; each is reached from a line of links.
    """
    shown = [part for part in sections if part.content]
    links = (tag("li", tag("a", part.heading, href=f"#part{number}")) for number, part in enumerate(shown))
    body = tag(
        "main",
        tag("h1", name(title)),
        *head,
        tag("nav", tag("ul", *links), aria_label="On this page"),
        *(
            tag("section", tag("h2", part.heading, id=f"part{number}"), part.content)
            for number, part in enumerate(shown)
        ),
    )
    style, script = _own("page.css"), _own("page.js")
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src {_hash(style)}; script-src {_hash(script)}"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{void('meta', http_equiv='Content-Security-Policy', content=policy)}\n"
        f'<meta name="referrer" content="no-referrer">\n{tag("title", name(title))}\n<style>{style}</style>\n</head>\n'
        f"<body>\n{body}\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _own(file: str) -> str:
    """A file beside this one."""
    return Path(__file__).with_name(file).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """How a policy names a style or a script of the page's own."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
