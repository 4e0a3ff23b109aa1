"""Text that others wrote - labels, file names, field names, what servers say - as it may stand in a line of ours.

In a line of a message or a result (`printable`), in a cell of a CSV file (`csv_cell`), in a Markdown page (`markdown`).
"""

from __future__ import annotations

import unicodedata

MAX_CHARACTERS = 200

# Control, formatting (which may turn the direction of what follows), surrogates, private, unassigned; line separators.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Of these, what breaks a line, or changes how what stands around it is shown, anywhere: no text needs them. Emoji and
# scripts are made of the others, and a new character is unassigned only until the next Unicode.
_CONTROL = {"Cc", "Cs", "Zl", "Zp"}
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Formatting that scripts and emoji need, and that changes nothing around it: zero-width (non-)joiners.
_HARMLESS = "\u200c\u200d"

# How formulas begin in Excel, LibreOffice and Google Sheets, full-width signs included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in "\\`*[]<>|&~"})


def printable(text: str, *, limit: int = MAX_CHARACTERS) -> str:
    r"""`text` on one line, of at most `limit` characters, without any that a terminal would obey.

    What cannot be shown is escaped as Python does it; what is too long loses its middle, since both the beginning of
    a label and the end of a path matter.

    Examples:
        >>> print(printable("wave\x1b[2J\nall is well"))
        wave\x1b[2J\nall is well
        >>> printable("a" * 100, limit=9)
        'aaaa…aaaa'
    """
    if len(text) > limit:  # before and after escaping, so that a text of megabytes costs nothing
        text = _shortened(text, limit)
    return _shortened("".join(_escaped(character) for character in text), limit)


def csv_cell(value: object) -> object:
    """`value` for a cell of a CSV file: a text that a spreadsheet would run as a formula gets an apostrophe before it.

    Examples:
        >>> csv_cell("=1+1"), csv_cell("@SUM(A1)"), csv_cell("jump"), csv_cell(-0.5)
        ("'=1+1", "'@SUM(A1)", 'jump', -0.5)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def markdown(text: str) -> str:
    r"""`text` as it may stand in a line or a table's cell of a Markdown page: its marks stay what they are.

    Examples:
        >>> print(markdown("a|b [c](d) <i>`"))
        a\|b \[c\](d) \<i\>\`
    """
    return printable(text, limit=10 * len(text) + 1).translate(_MARKDOWN)  # as long as escapes may make it


def has_control_characters(text: str) -> bool:
    r"""Whether `text` holds a control character, which no name needs.

    Control characters here are Unicode's (line feed, tab, escape), line and paragraph separators, lone surrogates, and
    the marks that turn the direction of what follows.

    Examples:
        >>> [has_control_characters(name) for name in ["über 左へ 👨‍👩‍👧", "wave\njump", "wave\u202e"]]
        [False, True, True]
    """
    return any(unicodedata.category(character) in _CONTROL or character in _TURNING for character in set(text))


def _escaped(character: str) -> str:
    if character in _HARMLESS or unicodedata.category(character) not in _UNPRINTABLE:
        return character
    return character.encode("unicode_escape").decode("ascii")


def _shortened(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    end = (limit - 1) // 2
    return f"{text[: limit - 1 - end]}…{text[len(text) - end :]}"
