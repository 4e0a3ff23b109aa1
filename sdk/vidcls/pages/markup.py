"""HTML and SVG from small functions: what is not markup already is escaped, so that no name can become markup."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from vidcls.printable import printable


class Markup(str):
    """Text that is HTML; any other text is escaped where it is put into a page."""

    __slots__ = ()


Content = Markup | str | int | float | None


def joined(parts: Iterable[Content]) -> Markup:
    """Parts one after the other."""
    return Markup("".join(_escaped(part) for part in parts))


def tag(name: str, *content: Content, **attributes: Content) -> Markup:
    """An element: `class_` gives the attribute class, `stroke_width` stroke-width; attributes of None are left out.

    >>> from vidcls.pages.markup import tag
    >>> tag("p", "jump & ", tag("b", "run"), class_="name")
    '<p class="name">jump &amp; <b>run</b></p>'
    """
    return Markup(f"{_opened(name, attributes)}{joined(content)}</{name}>")


def void(name: str, **attributes: Content) -> Markup:
    """An element that has no content and no end: meta, img, input."""
    return Markup(_opened(name, attributes))


def preformatted(text: str) -> Markup:
    """Text with its lines, as it is."""
    return tag("pre", Markup("\n".join(_escaped(line) for line in text.split("\n"))), tabindex="0")


def name(text: str, *, limit: int = 200) -> str:
    """A name that others gave: on one line, not longer than `limit`, the middle left out where it is."""
    return printable(text, limit=limit)


def _opened(element: str, attributes: dict[str, Content]) -> str:
    written = (
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{element}{''.join(written)}>"


def _escaped(value: Content) -> str:
    if value is None:
        return ""
    if isinstance(value, Markup):
        return value
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")  # hundredths of a pixel
    text = str(value)
    return escape(printable(text, limit=10 * len(text) + 1))  # as long as escapes may make it
