"""Text in the columns of a terminal, of which a Hangul syllable or a Chinese character takes two."""

from __future__ import annotations

import unicodedata

# Vowels and final consonants of Hangul, which join the consonant before them.
_JOINING = ((0x1160, 0x11FF), (0xD7B0, 0xD7FF))
# Marks above and below a letter, and characters that are not shown.
_NO_COLUMN = ("Mn", "Me", "Cf")
# From an eighth of a column to seven.
_PARTS = " ▏▎▍▌▋▊▉"
BLOCK = "█"


def columns_of(text: str) -> int:
    """How many columns a line of text takes.

    Examples:
        >>> from vidcls.cli.columns import columns_of
        >>> columns_of("jump"), columns_of("뛰기"), columns_of("e\u0301")
        (4, 4, 1)
    """
    return sum(map(_columns_of_one, text))


def padded(text: str, columns: int) -> str:
    """`text` with spaces after it, up to so many columns.

    Examples:
        >>> from vidcls.cli.columns import padded
        >>> padded("뛰기", 6) + "|", padded("jump", 6) + "|"
        ('뛰기  |', 'jump  |')
    """
    return text + " " * (columns - columns_of(text))


def bar(share: float, columns: int, *, encoding: str) -> str:
    """`share` of so many columns, as a bar that takes them all: in eighths, or where these cannot be shown in whole.

    Examples:
        >>> from vidcls.cli.columns import bar
        >>> bar(0.75, 6, encoding="utf-8"), bar(0.75, 6, encoding="ascii")
        ('████▌ ', '####  ')
    """
    if not _can_show(BLOCK + _PARTS, encoding):
        return ("#" * round(share * columns)).ljust(columns)
    whole, eighths = divmod(round(share * columns * 8), 8)
    return (BLOCK * whole + (_PARTS[eighths] if eighths else "")).ljust(columns)


def _can_show(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _columns_of_one(character: str) -> int:
    if unicodedata.category(character) in _NO_COLUMN:
        return 0
    if any(first <= ord(character) <= last for first, last in _JOINING):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
