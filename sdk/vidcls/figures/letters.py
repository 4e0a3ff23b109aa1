"""A line of text in any script, as a picture: the system's fonts one after the other, shortened to the room there is.

Pillow's own font has Latin letters. What it lacks is looked for in the fonts that systems usually have, then in all
that are installed. Of a letter that none of them has, the logger "vidcls" says which font would help; Hangul is then
spelled in Latin letters, and others are drawn as empty boxes.
"""

from __future__ import annotations

import logging
import math
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias, cast

from PIL import Image, ImageDraw, ImageFont

from vidcls.figures.fonts import installed_fonts
from vidcls.printable import printable

Colour: TypeAlias = tuple[int, int, int]

# Of Linux, Windows and macOS; the first that has a letter draws it.
_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "NanumGothic.ttf",
    "wqy-zenhei.ttc",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansBengali-Regular.ttf",
    "NotoSansTamil-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "segoeui.ttf",
    "malgun.ttf",
    "msyh.ttc",
    "YuGothM.ttc",
    "Nirmala.ttf",
    "LeelawUI.ttf",
    "Arial Unicode.ttf",
    "AppleSDGothicNeo.ttc",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "NotoColorEmoji.ttf",
    "seguiemj.ttf",
    "Apple Color Emoji.ttc",
)
# Fonts of coloured pictures come in one size each.
_PICTURE_SIZES = (109, 160)
_LONGEST = 300  # characters that are looked at: more fit into no picture

# Marks that belong to the letter before them, and formatting; a variation selector is among the former.
_JOINED = {"Mn", "Me", "Cf"}
_JOINER = "\u200d"
_NOBODYS = "\U0010ffff"  # in no font, so that it is drawn as what a font draws for letters that it lacks

# Unicode's Hangul syllables, whose names end with how they are spelled in Latin letters.
_HANGUL = ("\uac00", "\ud7a3")
# Debian's and Ubuntu's packages of fonts, by the first word of the names of a script's letters.
_PACKAGES = {
    **dict.fromkeys(("HANGUL", "CJK", "HIRAGANA", "KATAKANA"), "fonts-noto-cjk"),
    "emoji": "fonts-noto-color-emoji",
}
_OTHER_PACKAGE = "fonts-noto-core"

_logger = logging.getLogger("vidcls")

# {script: the installed font that has its letters, where none of `_FONTS` does; None where there is none}.
_found_elsewhere: dict[str, str | None] = {}


class _Face(NamedTuple):
    """A font as it was opened; shown at `scale` times the size."""

    font: ImageFont.FreeTypeFont
    scale: float


class _Run(NamedTuple):
    """A piece of a line that one font draws. name: the font's; empty is Pillow's own."""

    text: str
    name: str


def font(size: int, *, texts: Sequence[str]) -> ImageFont.FreeTypeFont:
    """One font for texts that are written as they are: the first that has all of their letters, else the most."""
    letters = sorted(
        {each for text in texts for each in text if not each.isspace() and unicodedata.category(each) not in _JOINED}
    )
    for letter in letters:
        _find_font(letter)
    names = [name for name in _candidates() if _face(name, 16).scale == 1]
    best = max(names, key=lambda name: sum(_has(name, letter) for letter in letters))
    return _face(best, max(size, 1)).font


def spelled(text: str) -> str:
    """A text with Hangul in Latin letters where no font has it: read aloud, that is still the word."""
    return "".join(
        unicodedata.name(letter).rpartition(" ")[2].lower()
        if _HANGUL[0] <= letter <= _HANGUL[1] and _find_font(letter) is None
        else letter
        for letter in text
    )


def file_of(letter: str) -> str | None:
    """The file of a font that has a letter as outlines, beside Pillow's own; None where none that is installed does."""
    name = _find_font(letter)
    face = _opened(name, 16) if name else None
    return None if face is None or face.scale != 1 else str(face.font.path)


def line_height(size: int) -> int:
    """Of a line of text of `size` pixels."""
    return sum(_face("", size).font.getmetrics())


def line_width(text: str, *, size: int) -> int:
    """Of a line that is not shortened, in pixels."""
    return math.ceil(_length(spelled(printable(text, limit=_LONGEST)), size))


@lru_cache(maxsize=64)  # a line on a picture of 4K takes half a megabyte
def line(text: str, *, size: int, width: int, colour: Colour) -> Image.Image:
    """A line of text, RGBA and no wider than `width`; what does not fit gives way to an ellipsis.

    It is handed out again where the same is asked for, so it is not to be drawn on.
    """
    shown = _shortened(spelled(printable(text, limit=_LONGEST)), size=size, width=width)
    runs = _runs(shown)
    base, above, below = 0.0, *_face("", size).font.getmetrics()
    canvas = Image.new("RGBA", (max(1, min(width, round(_length(shown, size)))), above + below))
    for run in reversed(runs) if _is_right_to_left(shown) else runs:
        _draw(canvas, run, size=size, at=base, baseline=above, colour=colour)
        base += _run_length(run, size)
    return canvas


def _draw(canvas: Image.Image, run: _Run, *, size: int, at: float, baseline: int, colour: Colour) -> None:
    face = _face(run.name, size)
    if face.scale == 1:
        ImageDraw.Draw(canvas).text(
            (at, baseline), run.text, (*colour, 255), face.font, anchor="ls", embedded_color=True
        )
        return
    above, below = face.font.getmetrics()
    picture = Image.new("RGBA", (max(1, round(face.font.getlength(run.text))), above + below))
    ImageDraw.Draw(picture).text((0, above), run.text, (*colour, 255), face.font, anchor="ls", embedded_color=True)
    small = picture.resize((max(1, round(picture.width * face.scale)), max(1, round(picture.height * face.scale))))
    canvas.paste(small, (round(at), max(0, baseline - round(above * face.scale))))


def _shortened(text: str, *, size: int, width: int) -> str:
    """As much of its beginning as fits, between letters and never inside of one."""
    if _length(text, size) <= width:
        return text
    fits, beyond = 0, len(text)
    while beyond - fits > 1:
        middle = (fits + beyond) // 2
        if _length(f"{text[:middle].rstrip()}…", size) <= width:
            fits = middle
        else:
            beyond = middle
    while fits and (unicodedata.category(text[fits]) in _JOINED or text[fits - 1] == _JOINER):
        fits -= 1
    beginning = f"{text[:fits].rstrip()}…"
    return beginning if _length(beginning, size) <= width else ""


def _length(text: str, size: int) -> float:
    return sum(_run_length(run, size) for run in _runs(text))


def _run_length(run: _Run, size: int) -> float:
    face = _face(run.name, size)
    return face.font.getlength(run.text) * face.scale


@lru_cache(maxsize=2048)
def _runs(text: str) -> tuple[_Run, ...]:
    """The text in pieces, each with its font: in one, if one font has all of it."""
    letters = "".join(sorted({letter for letter in text if unicodedata.category(letter) not in _JOINED}))
    whole = next((name for name in _candidates() if all(_has(name, letter) for letter in letters)), None)
    if whole is not None:
        return (_Run(text, whole),)
    runs: list[_Run] = []
    for letter in text:
        goes_on = runs and (unicodedata.category(letter) in _JOINED or _has(runs[-1].name, letter))
        if goes_on:
            runs[-1] = _Run(runs[-1].text + letter, runs[-1].name)
        else:
            runs.append(_Run(letter, _font_of(letter)))
    return tuple(runs)


def _font_of(letter: str) -> str:
    return _find_font(letter) or ""


def _find_font(letter: str) -> str | None:
    """The first font that has a letter; where none does, that is logged once a script."""
    found = next((name for name in _candidates() if _has(name, letter)), None)
    script = _script(letter)
    if found is None and script not in _found_elsewhere:
        found = next((path for path in installed_fonts() if _opened(path, 16) and _has(path, letter)), None)
        _found_elsewhere[script] = found
        if found is None:
            _say_lacking(letter, script)
    return found


def _candidates() -> tuple[str, ...]:
    return (*_names(), *(name for name in _found_elsewhere.values() if name is not None))


def _script(letter: str) -> str:
    """The first word of a letter's name, by which those of one script are alike; "emoji" of pictures."""
    is_picture = unicodedata.category(letter) in ("So", "Sk")
    return "emoji" if is_picture else unicodedata.name(letter, letter).partition(" ")[0]


def _say_lacking(letter: str, script: str) -> None:
    _logger.warning(
        "no font here has %r (%s), so letters like it are %s; install one, on Debian and Ubuntu by 'apt install %s', "
        "or put one into your folder of fonts",
        letter,
        unicodedata.name(letter, "without a name"),
        "spelled in Latin ones" if script == "HANGUL" else "drawn as empty boxes",
        _PACKAGES.get(script, _OTHER_PACKAGE),
    )


def _is_right_to_left(text: str) -> bool:
    """Whether the text as a whole is written from the right: its first letter with a direction is."""
    kinds = (unicodedata.bidirectional(letter) for letter in text)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    """The fonts that this machine has, Pillow's own first."""
    return ("", *(name for name in _FONTS if _opened(name, 16) is not None))


@lru_cache(maxsize=4096)
def _has(name: str, letter: str) -> bool:
    font, scale = _face(name, 16)
    if letter.isspace():
        return scale == 1  # among pictures it would be as wide as one
    drawn, lacking = font.getmask(letter), font.getmask(_NOBODYS)
    return drawn.size != lacking.size or bytes(drawn) != bytes(lacking)


@lru_cache(maxsize=256)
def _face(name: str, size: int) -> _Face:
    if not name:
        return _Face(cast("ImageFont.FreeTypeFont", ImageFont.load_default(size)), 1.0)
    return cast(_Face, _opened(name, size))


@lru_cache(maxsize=256)
def _opened(name: str, size: int) -> _Face | None:
    """The font, in a size of its own where it has but one; None where this machine does not have it."""
    for own in (size, *_PICTURE_SIZES):
        try:
            return _Face(ImageFont.truetype(name, own), size / own)
        except OSError:
            continue
    return None
