"""A line of text in any script, as a picture: the system's fonts one after the other, shortened to the room there is.

Pillow's own font has Latin letters. What it lacks is looked for in the fonts that systems usually have; a letter that
none of them has is drawn as an empty box, and the logger "vidcls" says which font would help.
"""

from __future__ import annotations

import logging
import unicodedata
from functools import lru_cache
from typing import NamedTuple, TypeAlias, cast

from PIL import Image, ImageDraw, ImageFont

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

_logger = logging.getLogger("vidcls")


class _Face(NamedTuple):
    """A font as it was opened; shown at `scale` times the size."""

    font: ImageFont.FreeTypeFont
    scale: float


class _Run(NamedTuple):
    """A piece of a line that one font draws. name: the font's; empty is Pillow's own."""

    text: str
    name: str


def line_height(size: int) -> int:
    """Of a line of text of `size` pixels."""
    return sum(_face("", size).font.getmetrics())


@lru_cache(maxsize=64)  # a line on a picture of 4K takes half a megabyte
def line(text: str, *, size: int, width: int, colour: Colour) -> Image.Image:
    """A line of text, RGBA and no wider than `width`; what does not fit gives way to an ellipsis.

    It is handed out again where the same is asked for, so it is not to be drawn on.
    """
    shown = _shortened(printable(text, limit=_LONGEST), size=size, width=width)
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
    whole = next((name for name in _names() if all(_has(name, letter) for letter in letters)), None)
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
    found = next((name for name in _names() if _has(name, letter)), None)
    if found is None:
        _say_lacking(letter)
    return found or ""


@lru_cache(maxsize=4096)
def _say_lacking(letter: str) -> None:
    """Once a letter."""
    _logger.warning(
        "no font here has %r (%s), which is drawn as an empty box; install one, such as Noto Sans of its script",
        letter,
        unicodedata.name(letter, "without a name"),
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
