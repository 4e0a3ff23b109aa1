"""Foreign text in a line, in a cell, on a page: nothing in it is obeyed, and scripts and emoji stay what they are."""

from __future__ import annotations

import csv
import io
import re
import unicodedata

import pytest

from vidcls import ModelError, VideoError
from vidcls.errors import MAX_SENTENCE, ArgumentError
from vidcls.printable import csv_cell, has_control_characters, markdown, printable
from vidcls.temporal.subtitles import subtitles
from vidcls.temporal.timeline import Segment, csv_line

NAMES = [
    "clap",
    "turn left",
    "été",
    "左へ",
    "שמאלה",
    "يسار",
    "नमस्ते",
    "👨‍👩‍👧",
    "🏳️‍🌈",
    "a\u200fb",
    "\u00a0",
    "~!@#$%^&*()",
]
HOSTILE = ["\n", "\r", "\t", "\x00", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u2029", "\u202e", "\u2066", "\ud800"]


@pytest.mark.parametrize("name", NAMES)
def test_every_script_and_emoji_is_a_name(name: str) -> None:
    assert not has_control_characters(name)


@pytest.mark.parametrize("part", HOSTILE)
def test_what_a_terminal_or_a_page_would_obey_is_no_part_of_a_name(part: str) -> None:
    assert has_control_characters(f"a{part}b")
    assert not has_control_characters(printable(f"a{part}b"))


def test_every_control_character_that_there_is_is_one() -> None:
    turning = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
    for code in range(0x3000):
        expected = unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp") or code in turning
        assert has_control_characters(chr(code)) == expected


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "=cmd|'/c calc'!A1", "\uff1d1"])
def test_a_formula_is_a_text_in_a_cell(cell: str) -> None:
    row = next(csv.reader(io.StringIO(csv_line([cell, 0.5]), newline="")))
    assert row == [f"'{cell}", "0.5"]


@pytest.mark.parametrize("cell", ["jump", "a=b", "'quoted'", "", "1-2", 3, -0.5, None])
def test_other_cells_stay_what_they_are(cell: object) -> None:
    assert csv_cell(cell) is cell


def test_a_label_stays_in_its_subtitle() -> None:
    segment = Segment(start=0, end=1, label="a\n\n2\n00:00:00,000 --> 00:00:09,000\nforged", score=0.5)
    (entry,) = subtitles([segment])
    lines = entry.splitlines()
    assert len(lines) == 3
    assert sum("-->" in line for line in lines) == 1


def test_marks_of_markdown_are_texts() -> None:
    label = "a|b`c` [d](https://e) <img src=x> *f* & \\ ~g~"
    escaped = markdown(f"{label}\n# h")
    assert re.findall(r"(?<!\\)(?:\\\\)*[`*\[\]<>|&~]", escaped) == []
    assert "\n" not in escaped
    assert markdown("\U000e0001" * 1000) == r"\\U000e0001" * 1000  # nothing is cut off
    assert re.sub(r"\\(.)", r"\1", escaped) == f"{label}\\n# h"


@pytest.mark.parametrize("kind", [ModelError, ArgumentError, lambda text: VideoError(text, "is not a video")])
def test_errors_are_one_bounded_line_and_keep_what_they_were_given(kind: type[Exception]) -> None:
    text = "a\x1b[2J\nError: forged" + "x" * 1_000_000
    error = kind(text)
    assert len(str(error)) <= MAX_SENTENCE
    assert str(error).isprintable()
    assert error.args[0] == text
