"""Tables: what is called what, rows of figures, and what is taken for what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vidcls.pages.markup import Content, Markup, name, tag

MOST_CONFUSION_LABELS = 20
_MOST_CONFUSIONS = 30
_SHADES = 9


@dataclass(frozen=True, kw_only=True)
class Card:
    """A key figure, what it is of, and what belongs to it: its interval, what it is compared with."""

    name: str
    value: str
    note: str = ""


def cards(figures: Iterable[Card]) -> Markup:
    """The key figures of a page."""
    items = (
        tag("li", tag("span", card.name), tag("b", card.value), tag("span", card.note) if card.note else None)
        for card in figures
    )
    return tag("ul", *items, class_="cards")


def pairs(rows: Iterable[tuple[str, Content]]) -> Markup:
    """A table of names and values."""
    lines = (tag("tr", tag("th", name(key), scope="row"), tag("td", value)) for key, value in rows)
    return tag("table", tag("tbody", *lines), class_="pairs")


def table(columns: Sequence[str], rows: Iterable[Sequence[Content]], *, caption: str, names: int = 1) -> Markup:
    """A table of figures.

    Args:
        columns: their headings.
        rows: a value for each column; the first one names its row.
        caption: what is to be known to read it.
        names: how many of the columns, from the first on, are texts; the others are numbers, set right.
    """
    kinds = [None if number < names else "number" for number in range(len(columns))]
    head = tag(
        "tr", *(tag("th", column, scope="col", class_=kind) for column, kind in zip(columns, kinds, strict=True))
    )
    lines = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", value, class_=kind) for value, kind in zip(row[1:], kinds[1:], strict=True)),
        )
        for row in rows
    ]
    return _wide(tag("table", tag("thead", head), tag("tbody", *lines), class_="figures"), caption)


def confusion_table(confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> Markup:
    """A confusion matrix, shaded by shares of the row; of more than 20 labels the largest confusions as a list."""
    if len(labels) > MOST_CONFUSION_LABELS:
        return _largest_confusions(confusion, labels)
    names = [name(label, limit=60) for label in labels]
    caption = "Rows are true labels, columns answers, shades shares of the row."
    head = tag("tr", tag("th", "true label"), *(tag("th", tag("span", label), scope="col") for label in names))
    lines = []
    for row, (label, counts) in enumerate(zip(names, confusion, strict=True)):
        cells = [
            tag("td", count if count else None, class_=_shade(count, sum(counts), right=row == column),
                title=f"{label}: {count} of {sum(counts)} answered {names[column]}")
            for column, count in enumerate(counts)
        ]  # fmt: skip
        lines.append(tag("tr", tag("th", label, scope="row"), *cells))
    whole = tag("table", tag("thead", head), tag("tbody", *lines), class_="confusion")
    return _wide(whole, caption)


def folded(summary: str, *content: Content) -> Markup:
    """Details that are opened by who wants them."""
    return tag("details", tag("summary", summary), *content)


def _largest_confusions(confusion: Sequence[Sequence[int]], labels: Sequence[str]) -> Markup:
    counts = np.asarray(confusion)
    totals, wrong = counts.sum(axis=1), counts - np.diag(counts.diagonal())
    order = [
        np.unravel_index(place, wrong.shape)
        for place in np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSIONS]
    ]
    rows = [
        (name(labels[row], limit=60), name(labels[column], limit=60), int(wrong[row, column]), int(totals[row]))
        for row, column in order
        if wrong[row, column]
    ]
    if not rows:
        return tag("p", "No label was taken for another.")
    pairs_wrong = int((wrong > 0).sum())
    left_out = f" of {pairs_wrong}" if pairs_wrong > len(rows) else ""
    caption = f"The largest {len(rows)}{left_out} confusions of {len(labels)} labels."
    return table(["true label", "answered", "clips", "of all its clips"], rows, caption=caption, names=2)


def _shade(count: int, total: int, *, right: bool) -> str | None:
    shade = f"s{max(1, round(_SHADES * count / total))}" if count else None
    return " ".join(filter(None, [shade, "right" if right else None])) or None


def _wide(whole: Markup, caption: str) -> Markup:
    """A table below its caption; it may be wider than a phone, and is then moved on its own, also by keyboard."""
    moved = tag("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption or "Table")
    return tag("div", tag("p", caption, class_="note") if caption else None, moved)
