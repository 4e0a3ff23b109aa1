"""Labels of any script as matplotlib can write them: its own font's letters, then those of fonts that are installed."""

from __future__ import annotations

from functools import lru_cache

import matplotlib as mpl
from matplotlib import font_manager

from vidcls.figures.letters import file_of, spelled

# In matplotlib's own font: stands for a letter that no font has, of which matplotlib would warn at each drawing.
_BOX = "\u25a1"


def writable(text: str) -> str:
    """A text that `families` can write: Hangul that no font has in Latin letters, other such letters as boxes."""
    known = "".join(letter if _is_own(letter) else spelled(letter) for letter in text)
    return "".join(letter if _is_own(letter) or _family(letter) is not None else _BOX for letter in known)


def families(text: str) -> list[str]:
    """The families of fonts that have the letters of a text, matplotlib's own first."""
    others = [_family(letter) for letter in text if not _is_own(letter)]
    return [*mpl.rcParams["font.family"], *dict.fromkeys(name for name in others if name is not None)]


@lru_cache(maxsize=4096)
def _is_own(letter: str) -> bool:
    own = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    return own.get_char_index(ord(letter)) != 0


@lru_cache(maxsize=4096)
def _family(letter: str) -> str | None:
    """The family of an installed font that has a letter, once matplotlib knows its file."""
    path = file_of(letter)
    if path is None:
        return None
    font_manager.fontManager.addfont(path)
    return font_manager.FontProperties(fname=path).get_name()
