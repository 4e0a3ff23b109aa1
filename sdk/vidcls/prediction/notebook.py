"""An answer as HTML, as notebooks show it: plain text and a table, which nothing has to be run or fetched for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from vidcls.printable import printable

# Of a label in its row, in characters; where the pointer rests on it, all of it is shown.
LABEL_SHOWN = 60

# Of the bars: against white and against a notebook's black the contrast is above 3 to 1.
_PRESENT, _ABSENT = "#0b7a75", "#8a8f98"
_LEFT = "text-align:left;padding:1px 12px 1px 0"


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A label's probability, 0 to 1, and whether it counts as there."""

    label: str
    probability: float
    present: bool


def answer_html(bars: Iterable[Bar], *, title: str, note: str) -> str:
    """A table of labels and probabilities under `title`, with a bar in each row and `note` below.

    The bars are drawn beside the numbers and hidden from screen readers, which read these. Text may be anybody's.

    >>> from vidcls.prediction.notebook import Bar, answer_html
    >>> shown = answer_html([Bar(label="<b>jump", probability=0.93, present=True)], title="jump", note="clip.avi")
    >>> "&lt;b&gt;jump" in shown, "<b>" in shown, "0.930" in shown
    (True, False, True)
    """
    return (
        f'<table style="border-collapse:collapse;color:inherit">'
        f'<caption style="caption-side:top;{_LEFT};font-size:larger;font-weight:bold">{_text(title)}</caption>'
        f'<thead><tr><th scope="col" style="{_LEFT}">label</th><th scope="col" style="{_LEFT}">probability</th>'
        f'<td aria-hidden="true"></td></tr></thead><tbody>{"".join(map(_row, bars))}</tbody></table>'
        f'<div style="font-size:smaller;overflow-wrap:anywhere">{_text(note)}</div>'
    )


def _row(bar: Bar) -> str:
    weight, colour = ("bold", _PRESENT) if bar.present else ("normal", _ABSENT)
    return (
        f'<tr><th scope="row" dir="auto" title="{_text(bar.label)}" style="{_LEFT};font-weight:{weight}">'
        f"{_text(bar.label, limit=LABEL_SHOWN)}</th>"
        f'<td style="{_LEFT};font-variant-numeric:tabular-nums">{bar.probability:.3f}</td>'
        f'<td aria-hidden="true" style="width:16em;{_LEFT}"><div style="width:{100 * bar.probability:.1f}%;'
        f'min-width:1px;height:0.8em;background:{colour}"></div></td></tr>'
    )


def _text(text: str, *, limit: int = 300) -> str:
    return escape(printable(text, limit=limit))
